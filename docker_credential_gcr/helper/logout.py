"""Forgets what was kept: the login, the keys, the access tokens; and ends the login at Google's."""

import os
import re
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from urllib.parse import urljoin

from docker_credential_gcr.errors import ConfigError, NoToken
from docker_credential_gcr.helper import endpoint, logins, oauth, paths, store, store_file
from docker_credential_gcr.helper.config import DEFAULT_SCOPES, DEFAULT_TIMEOUT_S, parse_insecure_hosts
from docker_credential_gcr.helper.token_sources import TokenRequest
from docker_credential_gcr.helper.token_sources.store import find_source

# A token, the lock of its refresh, what a killed run left; and whether there is a metadata server.
ENTRY = re.compile(r"[0-9a-f]{32}\.json|metadata-server\.json")
COMPANION = re.compile(r"([0-9a-f]{32}|metadata-server)\.json\.(lock|[0-9a-f]{8}\.tmp)")


def revoke(environ: Mapping[str, str], platform: str = sys.platform) -> bool:
    """End the login where it was made; False when there is none. Raises TokenError."""
    try:
        login = find_source(environ, platform)
    except NoToken:
        return False
    token = login.fields["refresh_token"] or login.fields["access_token"]
    target = endpoint.parse_endpoint(urljoin(login.find_endpoint().url, "revoke"))
    request = TokenRequest(
        target.host, target.world, scopes=DEFAULT_SCOPES, insecure_hosts=parse_insecure_hosts(environ)
    )
    endpoint.check_use(f"the login in {login.path!r}", "login", target, request)
    oauth.revoke(target, token, deadline=time.monotonic() + DEFAULT_TIMEOUT_S)
    return True


def forget_login(environ: Mapping[str, str], platform: str = sys.platform) -> bool:
    """Forget the login; False when there was none. Raises ConfigError."""
    return store_file.forget_login(environ, platform)


def forget_keys(environ: Mapping[str, str], platform: str = sys.platform) -> tuple[str, ...]:
    """Forget the keys that were handed over; the hosts that they were for. Raises StoreError."""
    path = paths.find_logins_file(environ, platform)
    if path is None:
        return ()
    names = tuple(
        name for name, login in logins.load_logins(path).items() if login.username in logins.KEY_USERS
    )
    store.forget_logins(path, names, environ, deadline=time.monotonic() + DEFAULT_TIMEOUT_S)
    return names


def clear_cache(environ: Mapping[str, str], platform: str = sys.platform) -> int:
    """Remove the access tokens; how many there were. Raises ConfigError."""
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
