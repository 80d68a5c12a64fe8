"""Backend of `keyring` for Google's Python indexes: pip, twine, poetry and uv ask `keyring` for passwords.

    keyring.get_credential("https://us-python.pkg.dev/my-project/my-repo/simple/", None)

It stores nothing. For every other service `keyring` asks the next backend.
"""

import os

from keyring.backend import KeyringBackend
from keyring.credentials import SimpleCredential
from keyring.errors import KeyringError, NoKeyringError

from docker_credential_gcr.helper.config import load_config
from docker_credential_gcr.helper.keychain import USERNAME

from .errors import CredentialsNotFound, Error
from .helper import registries
from .library import find_host, get_token, is_private, is_python_index


class NotStoredError(NoKeyringError, NotImplementedError):
    """This backend stores no passwords: a chain of backends asks the next one."""


class PythonIndexKeyring(KeyringBackend):
    """Access tokens of the helper as passwords, for LOCATION-python.pkg.dev and configured hosts."""

    # Before the keyring of the desktop, which would ask the user to unlock it: its priority is 1 or more.
    priority = 9

    def get_credential(self, service: str, username: str | None) -> SimpleCredential | None:
        """Returns the credential for the URL or host of an index; None for any other service.

        Raises KeyringError when the token source failed: pip prints its text and continues without it.
        """
        host = find_host(service)
        if username not in (None, "", USERNAME) or host is None or not _is_ours(service, host):
            return None
        try:
            token = get_token(service)
        except CredentialsNotFound:
            return None
        except Error as error:
            raise KeyringError("; ".join(filter(None, (str(error), error.hint)))) from error
        return SimpleCredential(USERNAME, token.value)

    def get_password(self, service: str, username: str | None) -> str | None:
        """Returns the password of the credential."""
        credential = self.get_credential(service, username)
        return credential.password if credential else None

    def set_password(self, service: str, username: str, password: str) -> None:  # noqa: ARG002
        """Raises NotStoredError."""
        raise NotStoredError("this backend stores no passwords")

    def delete_password(self, service: str, username: str) -> None:  # noqa: ARG002
        """Raises NotStoredError."""
        raise NotStoredError("this backend stores no passwords")


def _is_ours(service: str, host: str) -> bool:
    if registries.is_google(host):  # a registry: Docker asks the helper
        return False
    try:
        config = load_config(os.environ)
    except Error:
        return is_python_index(host)  # its user reads the error; for other hosts the next backend is asked
    return (is_python_index(host) or host in config.registries) and is_private(service, host, config)
