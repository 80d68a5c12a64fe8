"""Login with a service account key: tests the key, then stores it (`login --key-file`)."""

import sys
import time
from collections.abc import Mapping

from docker_credential_gcr.errors import KeyNotForHost, StoreError
from docker_credential_gcr.helper import paths, registries
from docker_credential_gcr.helper.config import Config, load_config
from docker_credential_gcr.helper.configure import arguments, config_edit, helper_config
from docker_credential_gcr.helper.credential_store import entries, store
from docker_credential_gcr.helper.google_auth import adc, service_account
from docker_credential_gcr.helper.google_auth.service_account import ServiceAccountKey
from docker_credential_gcr.helper.tokens import TokenRequest

USERNAME = "_json_key"


def login(
    path: str,
    text: str,
    names: str | None,
    environ: Mapping[str, str],
    platform: str = sys.platform,
) -> tuple[ServiceAccountKey, tuple[str, ...], str | None]:
    """Fetches a token with the key in a text, then stores the key.

    Returns the key, the hosts whose first source it is now, and a notice about where it is stored, for the
    user. Without names it is stored for all hosts of Google. Raises UsageError, KeyFileError, KeyNotForHost,
    TokenError when the key gives no token, and StoreError when it cannot be stored.
    """
    config = load_config(environ, platform)
    hosts = arguments.parse_hosts(names) if names is not None else (entries.EVERY_HOST,)
    document = service_account.parse_document(path, text)
    key = service_account.parse_key(path, document)
    if names is None and not key.endpoint.is_google:
        raise KeyNotForHost(
            f"key file {path!r} is for {key.endpoint.host}, not Google's",
            hint=f"docker-credential-gcr login --key-file {path} --registries {key.endpoint.host}",
        )
    requests = [_make_request(host, config) for host in hosts]
    for request in requests:
        service_account.check_use(key, request)
    adc.fetch_token(path, document, requests[0], time.monotonic() + config.timeout_s)
    return key, hosts, _save(text, hosts, config, environ, platform)


def _make_request(host: str, config: Config) -> TokenRequest:
    asked = registries.DEFAULT_HOSTS[0] if host == entries.EVERY_HOST else host
    trust_domain = registries.find_trust_domain(asked, (asked,))
    assert trust_domain is not None  # noqa: S101 - for the type checker: the host counts as configured
    scopes = config.get_settings(asked).scopes
    return TokenRequest(asked, trust_domain, scopes=scopes, insecure_hosts=config.insecure_hosts)


def _save(
    text: str, hosts: tuple[str, ...], config: Config, environ: Mapping[str, str], platform: str
) -> str | None:
    """Stores the key for each host, and configures the hosts that are not Google's; returns the notice."""
    notice = None
    path = paths.find_logins_file(environ, platform)
    if path is None:
        raise StoreError("no home directory to store a key in", hint="set DOCKER_CREDENTIAL_GCR_CONFIG")
    for host in hosts:
        deadline = time.monotonic() + config.timeout_s
        notice = store.save_login(path, host, USERNAME, text, environ, deadline=deadline)
    known = {entries.EVERY_HOST, *config.registries}
    new = [host for host in hosts if host not in known and not registries.is_google(host)]
    if new:
        values: dict[tuple[str, ...], object] = {("Registries", host): {} for host in new}
        config_edit.apply(helper_config.plan(values, (), environ, platform))
    return notice
