"""Token sources: one module each, loaded when the source is used.

A source is found by name, without a network, and then fetches an access token over the network. A name loads
one module, of 0.1 to 0.3 ms.
"""

import sys

from docker_credential_gcr.errors import ConfigError, NoToken, TokenError
from docker_credential_gcr.helper.tokens import DOCKER_LOGIN

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from docker_credential_gcr.helper.tokens import TokenSource


def find_source(name: str, *, environ: "Mapping[str, str]", platform: str = sys.platform) -> "TokenSource":
    """Returns the source of a name. Raises NoToken when it has no credential, TokenError when it failed."""
    kind, _, argument = name.partition(":")
    try:
        return FINDERS[kind](argument, environ, platform)
    except ConfigError as error:  # a variable that the source reads is malformed
        raise TokenError(str(error), hint=error.hint) from error


def _find_env(_: str, environ: "Mapping[str, str]", platform: str) -> "TokenSource":
    from . import env

    return env.find_source(environ, platform)


def _find_key_file(argument: str, _environ: "Mapping[str, str]", _platform: str) -> "TokenSource":
    from . import key_file

    return key_file.find_source(argument)


def _find_gcloud(argument: str, environ: "Mapping[str, str]", platform: str) -> "TokenSource":
    from . import gcloud

    return gcloud.find_source(argument, environ, platform)


def _find_docker_login(argument: str, environ: "Mapping[str, str]", platform: str) -> "TokenSource":
    from . import docker_login

    return docker_login.find_source(argument, environ, platform)


def _find_metadata(_: str, environ: "Mapping[str, str]", platform: str) -> "TokenSource":
    from . import metadata

    return metadata.find_source(environ, platform)


def _find_credential_file(_: str, environ: "Mapping[str, str]", platform: str) -> "TokenSource":
    from . import credential_file

    return credential_file.find_source(environ, platform)


def _find_token_file(argument: str, _environ: "Mapping[str, str]", _platform: str) -> "TokenSource":
    from . import token_file

    return token_file.TokenFile(argument)


def _find_none(_: str, _environ: "Mapping[str, str]", _platform: str) -> "TokenSource":
    raise NoToken("never has a token")


FINDERS: "dict[str, Callable[[str, Mapping[str, str], str], TokenSource]]" = {
    "env": _find_env,
    "file": _find_key_file,
    "gcloud": _find_gcloud,
    DOCKER_LOGIN: _find_docker_login,
    "metadata": _find_metadata,
    "none": _find_none,
    "store": _find_credential_file,
    "token-file": _find_token_file,
}
