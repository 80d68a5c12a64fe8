"""gcloud's own login. Finding the login does not run gcloud; a token from gcloud takes a second."""

import os

from docker_credential_gcr.helper import config, paths

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from docker_credential_gcr.helper.tokens import AccessToken, TokenRequest

PREFIX = "CLOUDSDK_"  # each of gcloud's properties has a variable that overrides it
TOKEN_FILE = "CLOUDSDK_AUTH_ACCESS_TOKEN_FILE"
FILES = (TOKEN_FILE, "CLOUDSDK_AUTH_CREDENTIAL_FILE_OVERRIDE")


class Gcloud:
    """gcloud with one of its configurations: its name for gcloud, and the file of its properties."""

    __slots__ = ("configuration", "environ", "identity", "platform", "properties")

    is_cached = True

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
        """Fetches a token of gcloud's account. Raises TokenError."""
        from docker_credential_gcr.helper.google_auth import gcloud  # 15 ms, which a cached token saves

        program = self.prepare(request)
        command = gcloud.make_command(program, self.configuration, request)
        return gcloud.fetch_token(command, self.environ, self.platform, deadline)

    def prepare(self, request: "TokenRequest") -> str:
        """Returns the absolute path of gcloud, after the checks that do not run it. Raises TokenError."""
        from docker_credential_gcr.helper.google_auth import endpoint, gcloud  # 15 ms, as above

        if not self.environ.get(TOKEN_FILE):  # only the user knows whose token is in that file
            given = self.environ.get(config.TOKEN_HOST)
            url = given or self.find_property("auth", "token_host") or config.GOOGLE_TOKEN_URL
            named_by = config.TOKEN_HOST if given else "gcloud's auth/token_host"
            token_endpoint = endpoint.get_endpoint(url, named_by)
            endpoint.check_use("gcloud's login", "login", token_endpoint, request)
        return gcloud.get_program(self.environ, self.platform)

    def find_property(self, section: str, name: str) -> str | None:
        """Returns a property of the configuration. https://cloud.google.com/sdk/docs/properties"""
        try:
            text = paths.read_file(self.properties)[0].decode("utf-8")
        except (OSError, ValueError):
            return None
        current = ""
        for line in map(str.strip, text.splitlines()):
            # Not configparser: its regular expressions take quadratic time in the length of a line.
            key, _, value = line.partition("=")
            if line.startswith("["):
                current = line[1:].partition("]")[0]
            elif (current, key.strip()) == (section, name):
                return value.strip() or None
        return None


def find_source(configuration: str, environ: "Mapping[str, str]", platform: str) -> Gcloud:
    """Returns gcloud, installed or not, with a configuration: the active one without a name.

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
    """Returns the name of the active configuration, and the identity of the file that names it."""
    path = os.path.join(directory, "active_config")
    try:
        data, found = paths.read_file(path)
        return data.decode("utf-8").strip() or "default", paths.make_identity(path, found)
    except (OSError, ValueError):
        return "default", ()
