"""Keeps the secrets of logins: in the operating system's keyring, or in a file that only its owner reads."""

import json
import os
from collections.abc import Mapping

from docker_credential_gcr import files
from docker_credential_gcr.errors import StoreError
from docker_credential_gcr.helper import paths

from . import entries as logins
from .entries import VARIABLE, Login, get_choice


def find_secret(login: Login, environ: Mapping[str, str], *, deadline: float) -> str | None:
    """The secret of a login; None when there is no place where it could be. Raises StoreError."""
    if get_choice(environ) == "off":
        return None
    if login.secret is not None:
        return login.secret
    from . import keyring as keyring_store

    return keyring_store.find_secret(login.server_url, deadline=deadline)


def keep_login(
    path: str, server_url: str, username: str, secret: str, environ: Mapping[str, str], *, deadline: float
) -> str | None:
    """Keep a login in the place of the one before; what to tell a person of the place. Raises StoreError.

    A machine without any keyring keeps it in the file; with one that is locked or fails, it is not kept.
    """
    choice = get_choice(environ)
    if choice == "off":
        raise StoreError(
            f"no login is kept, as {VARIABLE}=off says: {VARIABLE}=file keeps it in a file for you alone"
        )
    entry = {"Username": username, "Stamp": os.urandom(8).hex()}
    notice = None
    if choice == "keyring":
        from . import keyring as keyring_store

        try:
            keyring_store.save_secret(server_url, secret, deadline=deadline)
        except keyring_store.NoKeyring as error:
            choice, notice = "file", f"{error}: the login is kept in {path!r}, which only you can read"
    if choice == "file":
        entry["Secret"] = secret
    _change(path, add={server_url: entry}, drop=())
    return notice


def forget_logins(
    path: str, server_urls: tuple[str, ...], environ: Mapping[str, str], *, deadline: float
) -> None:
    """Forget the logins of these server strings, as they are kept. Raises StoreError."""
    kept = logins.load_logins(path)
    for server_url in server_urls:
        if kept[server_url].secret is None and get_choice(environ) != "off":
            from . import keyring as keyring_store

            keyring_store.erase_secret(server_url, deadline=deadline)
    if server_urls:
        _change(path, add={}, drop=server_urls)


def _change(path: str, *, add: dict[str, dict[str, str]], drop: tuple[str, ...]) -> None:
    directory = os.path.dirname(os.path.abspath(path))
    try:
        os.makedirs(directory, mode=0o700, exist_ok=True)
        with files.lock_directory(directory):
            entries = {login.server_url: _format(login) for login in logins.load_logins(path).values()}
            for server_url in drop:
                entries.pop(server_url, None)
            content = {"version": logins.VERSION, "logins": {**entries, **add}}
            data = json.dumps(content, indent=2).encode("ascii")
            if len(data) > logins.MAX_SIZE:  # it could not be read again
                size = paths.format_size(logins.MAX_SIZE)
                hint = "log out of registries that are not needed any more"
                raise StoreError(f"{path!r} would be larger than {size}", hint=hint)
            files.write_file(files.resolve(path), data)
    except OSError as error:
        raise StoreError(*files.explain_write(path, error)) from error


def _format(login: Login) -> dict[str, str]:
    entry = {"Username": login.username, "Stamp": login.stamp}
    return entry if login.secret is None else {**entry, "Secret": login.secret}
