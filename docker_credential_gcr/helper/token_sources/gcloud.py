"""gcloud's own login. Which one it is costs no run of gcloud; a token costs a second."""

import os

from docker_credential_gcr.helper import paths

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from docker_credential_gcr.helper.tokens.access_token import AccessToken

    from . import TokenRequest

PREFIX = "CLOUDSDK_"  # each of gcloud's properties has a variable that overrides it
FILES = ("CLOUDSDK_AUTH_ACCESS_TOKEN_FILE", "CLOUDSDK_AUTH_CREDENTIAL_FILE_OVERRIDE")


class Gcloud:
    """gcloud with one of its configurations: its name for gcloud, and the file of its properties."""

    __slots__ = ("configuration", "environ", "identity", "platform", "properties")

    is_kept = True

    def __init__(
        self,
        configuration: str,
        properties: str,
        environ: "Mapping[str, str]",
        platform: str,
        identity: tuple[str, ...],
    ) -> None:
        self.configuration = configuration
        self.properties = properties
        self.environ = environ
        self.platform = platform
        self.identity = identity

    def fetch(self, request: "TokenRequest", deadline: float) -> "AccessToken":
        """Buys a token of gcloud's account. Raises TokenError."""
        from docker_credential_gcr.helper.google_auth import gcloud as gcloud_program

        return gcloud_program.fetch_token(self, request, deadline)


def find_source(configuration: str, environ: "Mapping[str, str]", platform: str) -> Gcloud:
    """Returns gcloud, whether it is installed or not, with one configuration: the active one without a name.

    Its identity is the configuration, and each variable that overrides a property of it.
    """
    directory = paths.find_gcloud_dir(environ, platform) or ""
    overrides = _list_overrides(environ)
    name = configuration or overrides.get("CLOUDSDK_ACTIVE_CONFIG_NAME", "")
    name, activation = (name, ()) if name else _read_active(directory)
    properties = os.path.join(directory, "configurations", f"config_{name}")
    found = paths.find_identity(properties)
    named = [overrides[variable] for variable in FILES if variable in overrides]
    files = [part for path in named for part in paths.find_identity(path)]
    identity = ("gcloud", *found, *activation, *files, *(part for item in overrides.items() for part in item))
    # gcloud knows no configuration, not even `default`, before its file is written.
    asked = name if configuration or len(found) > 1 else ""
    return Gcloud(asked, properties, environ, platform, identity)


def _list_overrides(environ: "Mapping[str, str]") -> "dict[str, str]":
    """Returns gcloud's variables that are set, in order. Raises ConfigError for a known one with a secret."""
    names = sorted(name for name in environ if name.startswith(PREFIX) and environ[name])
    return {
        name: (name in paths.VARIABLES and paths.find_variable(environ, name)) or environ[name]
        for name in names
    }


def _read_active(directory: str) -> tuple[str, tuple[str, ...]]:
    """Returns the name of the active configuration, and the identity of the file that says so."""
    path = os.path.join(directory, "active_config")
    try:
        data, found = paths.read_file(path)
        return data.decode("utf-8").strip() or "default", paths.make_identity(path, found)
    except (OSError, ValueError):
        return "default", ()
