"""Logins of `docker login` and `docker logout`: saves and deletes them.

docker sends back each token that `get` gave, and logs out of hosts without a login. Neither call loads the
modules that read a key (7 ms) or write a file (5 ms): these are imported in the functions that need them.
"""

import os
import sys
import time

from docker_credential_gcr.errors import Error, StoreError, quote

from . import paths, registries
from .config import DEFAULT_SCOPES, DEFAULT_TIMEOUT_S, Config, load_config
from .credential_store import entries
from .keychain import Search
from .tokens import TokenRequest

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping


def save(
    server_url: str,
    username: str,
    secret: str,
    environ: "Mapping[str, str]",
    platform: str = sys.platform,
) -> str | None:
    """Saves a login of another registry, or a service account key for our hosts; returns a notice.

    Any other secret for our hosts is a token that `get` gave, which docker sends back: it is not saved.
    Raises StoreError when the login cannot be saved, TokenError when the key can never give a token.
    """
    host = registries.find_host(server_url)
    if host is None:
        raise StoreError(f"{quote(server_url):.200} names no registry")
    config = load_config(environ, platform)
    trust_domain = registries.find_trust_domain(host, config.registries)
    if trust_domain and username not in entries.KEY_USERS:
        return None
    if trust_domain:
        from .google_auth import service_account

        document = service_account.parse_key_login(host, username, secret)
        key = service_account.parse_key(f"of {host}", document)
        insecure_hosts = config.insecure_hosts
        request = TokenRequest(host, trust_domain, scopes=DEFAULT_SCOPES, insecure_hosts=insecure_hosts)
        service_account.check_use(key, request)
        key.sign((), now=time.time())
        server_url = host
    path = paths.find_logins_file(environ, platform)
    if path is None:
        raise StoreError("no home directory to store a login in", hint="set DOCKER_CREDENTIAL_GCR_CONFIG")
    deadline = time.monotonic() + config.timeout_s
    from .credential_store import store

    return store.save_login(path, server_url, username, secret, environ, deadline=deadline)


def delete(server_url: str, environ: "Mapping[str, str]", platform: str = sys.platform) -> None:
    """Deletes the login of a registry, and its cached access tokens; without any it does nothing."""
    host = registries.find_host(server_url)
    if host is None:
        return
    timeout_s = DEFAULT_TIMEOUT_S
    try:
        config = load_config(environ, platform)
        timeout_s = config.timeout_s
        _delete_tokens(host, config, environ, platform)
    except Error:  # the secret must be deleted even if the configuration is malformed
        pass
    path = paths.find_logins_file(environ, platform)
    if path is None or not os.path.lexists(path):
        return
    short_url = entries.shorten(server_url)
    stored = entries.load_logins(path)
    names = {name for name in stored if entries.shorten(name) == short_url}
    if host in stored and stored[host].username in entries.KEY_USERS:  # a key is for all paths
        names.add(host)
    from .credential_store import store

    store.delete_logins(path, tuple(names), environ, deadline=time.monotonic() + timeout_s)


def _delete_tokens(host: str, config: Config, environ: "Mapping[str, str]", platform: str) -> None:
    trust_domain = registries.find_trust_domain(host, config.registries)
    if trust_domain is None:
        return
    search = Search(host, trust_domain, config, environ, platform, time.time)
    for name in search.list_names():
        try:
            entry = search.find_entry(search.find_source(name))
            if entry:
                os.unlink(entry)
        except (Error, OSError):  # there is no such source, or no cached token of it
            continue
