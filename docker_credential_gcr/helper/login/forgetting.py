"""Forgets what is kept on this machine: the login, the keys, the access tokens. No server is asked."""

import os
import re
import sys
import time
from collections.abc import Mapping
from contextlib import suppress

from docker_credential_gcr.errors import ConfigError
from docker_credential_gcr.helper import paths
from docker_credential_gcr.helper.config import DEFAULT_TIMEOUT_S
from docker_credential_gcr.helper.credential_store import entries as logins
from docker_credential_gcr.helper.credential_store import store

from . import credential_file as store_file

# A token, the lock of its refresh, what a killed run left; and whether there is a metadata server.
ENTRY = re.compile(r"[0-9a-f]{32}\.json|metadata-server\.json")
COMPANION = re.compile(r"([0-9a-f]{32}|metadata-server)\.json\.(lock|[0-9a-f]{8}\.tmp)")


def forget_login(environ: Mapping[str, str], platform: str = sys.platform) -> bool:
    """Forgets the login; False when there was none. Raises ConfigError."""
    return store_file.forget_login(environ, platform)


def forget_keys(environ: Mapping[str, str], platform: str = sys.platform) -> tuple[str, ...]:
    """Forgets the keys that were handed over, and returns the hosts that they were for. Raises StoreError."""
    path = paths.find_logins_file(environ, platform)
    if path is None:
        return ()
    names = tuple(
        name for name, login in logins.load_logins(path).items() if login.username in logins.KEY_USERS
    )
    store.forget_logins(path, names, environ, deadline=time.monotonic() + DEFAULT_TIMEOUT_S)
    return names


def clear_cache(environ: Mapping[str, str], platform: str = sys.platform) -> int:
    """Removes the access tokens, and returns how many there were. Raises ConfigError."""
    directory = paths.find_cache_dir(environ, platform)
    try:
        names = os.listdir(directory) if directory else []
    except (FileNotFoundError, NotADirectoryError):
        return 0
    except OSError as error:
        raise ConfigError(f"cannot read {directory!r}: {error.strerror}") from error
    entries = [name for name in names if ENTRY.fullmatch(name)]
    try:
        for name in entries:
            with suppress(FileNotFoundError):
                os.unlink(os.path.join(directory or "", name))
    except OSError as error:
        raise ConfigError(f"cannot remove {error.filename!r}: {error.strerror}") from error
    for name in filter(COMPANION.fullmatch, names):
        with suppress(OSError):
            os.unlink(os.path.join(directory or "", name))
    return sum(not name.startswith("metadata") for name in entries)
