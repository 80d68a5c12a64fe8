"""Asks for a token as the helper does, and says what the answer means."""

import shlex
from collections.abc import Callable, Mapping

from docker_credential_gcr.errors import CredentialsNotFound, Error
from docker_credential_gcr.helper import lookup, paths
from docker_credential_gcr.helper.config import Config

from . import remedies
from .access import RegistryAccess
from .findings import FAULT, OK, Finding


def ask(
    access: RegistryAccess, config: Config, environ: Mapping[str, str], platform: str
) -> tuple[str | None, Finding]:
    """Returns the secret that docker would get, if any, and the finding."""
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
    is_taken: Callable[[str], bool],
) -> Finding | None:
    """Says why the registry refuses the credential, by what the helper answers without its cache.

    A token in the cache outlives its key and its account. None where a new token is refused as well.
    """
    secret, finding = ask(access, config, {**environ, paths.CACHE: "off"}, platform)
    if secret is None:
        return finding
    cache = paths.find_cache_dir(environ)
    if cache is None or not is_taken(secret):
        return None
    text = "the registry refuses the token in the cache, and takes a new one"
    return _fault("token", text, f"rm -r {shlex.quote(cache)}", access)


def _fault(check: str, text: str, command: str | None, access: RegistryAccess) -> Finding:
    return Finding(check, FAULT, text, command, access.registry)
