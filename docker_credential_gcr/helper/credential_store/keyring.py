"""Keyring of the operating system: stores secrets there. Loaded when one is needed: it takes 100 ms.

A keyring may wait for the user, its bus may be gone, and its backends raise any exception: each call has the
deadline, and every fault becomes a StoreError.
"""

import os
import warnings
from collections.abc import Callable
from contextlib import suppress
from typing import Any, TypeVar

from docker_credential_gcr.deadline import call_within
from docker_credential_gcr.errors import KEYRING_FILE, StoreError
from docker_credential_gcr.helper import PROGRAM, paths

Result = TypeVar("Result")

FILE = "set DOCKER_CREDENTIAL_GCR_KEYRING=file to store logins in a private file"
MAX_CONFIG_SIZE = 64 * 1024
NO_KEYRING = "this machine has no keyring"


class NoKeyring(StoreError):
    """This machine has no keyring at all, which is not a failure."""


def find_secret(server_url: str, *, deadline: float) -> str | None:
    """Returns the secret of a server string; None without one, or without a keyring."""
    with suppress(NoKeyring):
        secret: str | None = _call(lambda: _load().get_password(PROGRAM, server_url), deadline)
        return secret
    return None


def save_secret(server_url: str, secret: str, *, deadline: float) -> None:
    """Saves a secret. Raises NoKeyring without a keyring, StoreError when the keyring fails or changes it."""

    def save() -> bool:
        _load().set_password(PROGRAM, server_url, secret)
        return bool(_load().get_password(PROGRAM, server_url) == secret)

    if not _call(save, deadline):
        raise StoreError(f"the keyring does not store what it is given: {FILE}")


def delete_secret(server_url: str, *, deadline: float) -> None:
    """Deletes a secret, if there is one. Raises StoreError when the keyring refuses."""
    from keyring.errors import PasswordDeleteError

    def delete() -> None:
        with suppress(PasswordDeleteError):  # there was no secret
            _load().delete_password(PROGRAM, server_url)

    with suppress(NoKeyring):
        _call(delete, deadline)


def _load() -> Any:
    """Returns the keyring library, after checking its configuration, which it reads without a size limit."""
    import keyring
    from keyring.util import platform_

    path = os.path.join(str(platform_.config_root()), "keyringrc.cfg")
    try:
        paths.read_file(path, MAX_CONFIG_SIZE)
    except FileNotFoundError:
        pass
    except OSError as error:
        raise StoreError(f"cannot read {path!r}: {error.strerror}", hint=paths.HINT) from error
    return keyring


def _call(call: Callable[[], Result], deadline: float) -> Result:
    from keyring.errors import KeyringLocked, NoKeyringError

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return call_within(deadline, call)
        except StoreError:
            raise
        except NoKeyringError as error:
            raise NoKeyring(NO_KEYRING) from error
        except KeyringLocked as error:
            raise _make_error("is locked", f"unlock it, or: {FILE}") from error
        except TimeoutError as error:
            raise _make_error("did not answer in time") from error
        except Exception as error:  # the root of D-Bus errors cannot be named without importing D-Bus
            raise _make_error(f"failed: {type(error).__name__}") from error


def _make_error(fault: str, hint: str = FILE) -> StoreError:
    return StoreError(f"the keyring {fault}", hint=hint, check="keyring", command=KEYRING_FILE)
