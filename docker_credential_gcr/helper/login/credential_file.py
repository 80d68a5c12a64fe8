"""Credential file that this helper shares with Google's: saves and deletes its login, the source `store`."""

import sys
import time
from collections.abc import Mapping

from docker_credential_gcr.errors import ConfigError
from docker_credential_gcr.helper import paths
from docker_credential_gcr.helper.configure import config_edit, config_file
from docker_credential_gcr.helper.tokens import AccessToken

MEMBER = "gcrCreds"
Path = tuple[str, ...]


def save_login(
    token: AccessToken, refresh_token: str, token_uri: str, environ: Mapping[str, str], platform: str
) -> str:
    """Saves a login, which replaces the one before, and returns the path of the file. Raises ConfigError.

    The file also has the token endpoint of the login, which Google's helper ignores.
    """
    expiry = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(token.expires_at))
    login = {"access_token": token.value, "refresh_token": refresh_token, "token_expiry": expiry}
    login["token_uri"] = token_uri
    path = paths.find_store_file(environ, platform)
    if path is None:
        raise ConfigError("no home directory to store a login in", hint="set DOCKER_CREDENTIAL_GCR_STORE")

    def change(text: str) -> str:
        return config_edit.set_members(text, path, {(MEMBER,): login})

    config_file.load_text(path)  # raises for a file that could not be read again
    config_edit.apply(config_edit.Edit(path, change, is_private=True))
    return path


def delete_login(environ: Mapping[str, str], platform: str = sys.platform) -> bool:
    """Deletes the login; False when there was none. Raises ConfigError."""
    path = paths.find_store_file(environ, platform)
    if path is None or config_file.load_text(path) == config_file.EMPTY:
        return False

    def change(text: str) -> str:
        return config_edit.set_members(text, path, {}, [(MEMBER,)])

    return config_edit.apply(config_edit.Edit(path, change, is_private=True))
