"""Checks of the helper: the token that docker would get, and why a registry refuses it."""

import shlex
from collections.abc import Callable, Mapping

from docker_credential_gcr.errors import CredentialsNotFound, Error
from docker_credential_gcr.helper import lookup, paths
from docker_credential_gcr.helper.config import Config

from . import remedies
from .access import RegistryAccess
from .findings import FAULT, OK, Finding


def fetch_secret(
    access: RegistryAccess, config: Config, environ: Mapping[str, str], platform: str
) -> tuple[str | None, Finding]:
    """Fetches the secret that docker would get, if any; returns it with the finding."""
    search = lookup.open_search(access.registry, environ=environ, platform=platform, config=config)
    try:
        secret = search.get_token().value
    except CredentialsNotFound:
        text = "no token source has a credential: docker pulls anonymously, and does not push"
        return None, _fault("no credential", text, remedies.format_login_command(access), access)
    except Error as error:
        name, command = remedies.find_remedy(error, access)
        return None, _fault(name, str(error), command, access)
    account = f" of {access.account}" if access.account else ""
    return secret, Finding("helper", OK, f"gives a credential{account}", None, access.registry)


def explain_refusal(
    access: RegistryAccess,
    config: Config,
    environ: Mapping[str, str],
    platform: str,
    is_accepted: Callable[[str], bool],
) -> Finding | None:
    """Returns the finding for a token that the registry refuses, after a new token is fetched past the cache.

    A token in the cache may outlive its key and its account. Returns None where the registry refuses the new
    token as well.
    """
    secret, finding = fetch_secret(access, config, {**environ, paths.CACHE: "off"}, platform)
    if secret is None:
        return finding
    cache = paths.find_cache_dir(environ)
    if cache is None or not is_accepted(secret):
        return None
    text = "the registry refuses the token in the cache, and accepts a new one"
    return _fault("token", text, f"rm -r {shlex.quote(cache)}", access)


def _fault(check: str, text: str, command: str | None, access: RegistryAccess) -> Finding:
    return Finding(check, FAULT, text, command, access.registry)
