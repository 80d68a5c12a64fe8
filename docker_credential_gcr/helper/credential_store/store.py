"""Stores the secrets of logins: in the operating system's keyring, or in a file that only its owner reads."""

import json
import os
import sys
import time
from collections.abc import Mapping

from docker_credential_gcr import files
from docker_credential_gcr.errors import StoreError
from docker_credential_gcr.helper import paths
from docker_credential_gcr.helper.config import DEFAULT_TIMEOUT_S

from . import entries
from .entries import VARIABLE, StoredLogin


def find_secret(login: StoredLogin, environ: Mapping[str, str], *, deadline: float) -> str | None:
    """Returns the secret of a login; None when no store is in use that could hold it. Raises StoreError."""
    if entries.get_choice(environ) == "off":
        return None
    if login.secret is not None:
        return login.secret
    from . import keyring  # 100 ms

    return keyring.find_secret(login.server_url, deadline=deadline)


def save_login(
    path: str, server_url: str, username: str, secret: str, environ: Mapping[str, str], *, deadline: float
) -> str | None:
    """Saves a login instead of the one before, and returns a notice for the user. Raises StoreError.

    A machine without any keyring has the secret in the file; a keyring that is locked or fails is an error.
    """
    choice = entries.get_choice(environ)
    if choice == "off":
        raise StoreError(f"{VARIABLE} is off, so no login is stored: use {VARIABLE}=file for a private file")
    entry = {"Username": username, "Stamp": os.urandom(8).hex()}
    notice = None
    if choice == "keyring":
        from . import keyring  # 100 ms

        try:
            keyring.save_secret(server_url, secret, deadline=deadline)
        except keyring.NoKeyring as error:
            choice, notice = "file", f"{error}: the login is stored in {path!r}, which only you can read"
    if choice == "file":
        entry["Secret"] = secret
    _change(path, add={server_url: entry}, drop=())
    return notice


def delete_logins(
    path: str, server_urls: tuple[str, ...], environ: Mapping[str, str], *, deadline: float
) -> None:
    """Deletes the logins of these server strings, each of which the file has. Raises StoreError."""
    stored = entries.load_logins(path)
    for server_url in server_urls:
        if stored[server_url].secret is None and entries.get_choice(environ) != "off":
            from . import keyring  # 100 ms

            keyring.delete_secret(server_url, deadline=deadline)
    if server_urls:
        _change(path, add={}, drop=server_urls)


def delete_keys(environ: Mapping[str, str], platform: str = sys.platform) -> tuple[str, ...]:
    """Deletes the service account keys, and returns the hosts that they were for. Raises StoreError."""
    path = paths.find_logins_file(environ, platform)
    if path is None:
        return ()
    stored = entries.load_logins(path)
    names = tuple(name for name, login in stored.items() if login.username in entries.KEY_USERS)
    delete_logins(path, names, environ, deadline=time.monotonic() + DEFAULT_TIMEOUT_S)
    return names


def _change(path: str, *, add: dict[str, dict[str, str]], drop: tuple[str, ...]) -> None:
    directory = os.path.dirname(os.path.abspath(path))
    try:
        os.makedirs(directory, mode=0o700, exist_ok=True)
        with files.lock_directory(directory):
            stored = entries.load_logins(path)
            logins = {name: _format(login) for name, login in stored.items() if name not in drop}
            data = json.dumps({"version": entries.VERSION, "logins": {**logins, **add}}, indent=2).encode(
                "ascii"
            )
            if len(data) > entries.MAX_SIZE:  # it could not be read again
                size = paths.format_size(entries.MAX_SIZE)
                hint = "log out of registries that you no longer need"
                raise StoreError(f"{path!r} would be larger than {size}", hint=hint)
            files.write_file(files.resolve(path), data)
    except OSError as error:
        raise StoreError(*files.explain_write(path, error)) from error


def _format(login: StoredLogin) -> dict[str, str]:
    entry = {"Username": login.username, "Stamp": login.stamp}
    return entry if login.secret is None else {**entry, "Secret": login.secret}
