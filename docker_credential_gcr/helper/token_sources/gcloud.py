"""gcloud's own login. Which one it is costs no run of gcloud; a token costs a second."""

import os

from docker_credential_gcr.helper import paths

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from docker_credential_gcr.helper.access_token import AccessToken
    from docker_credential_gcr.helper.token_sources import TokenRequest

# What makes gcloud answer for somebody else, beside its configuration.
VARIABLES = (
    "CLOUDSDK_CORE_ACCOUNT",
    "CLOUDSDK_AUTH_ACCESS_TOKEN_FILE",
    "CLOUDSDK_AUTH_CREDENTIAL_FILE_OVERRIDE",
    "CLOUDSDK_AUTH_IMPERSONATE_SERVICE_ACCOUNT",
    "CLOUDSDK_AUTH_TOKEN_HOST",
)
FILES = VARIABLES[1:3]  # those that name a file


class Gcloud:
    """gcloud with one of its configurations; the active one when none is named."""

    __slots__ = ("configuration", "environ", "identity", "platform")

    is_kept = True

    def __init__(
        self, configuration: str, environ: "Mapping[str, str]", platform: str, identity: tuple[str, ...]
    ) -> None:
        self.configuration = configuration
        self.environ = environ
        self.platform = platform
        self.identity = identity

    def fetch(self, request: "TokenRequest", deadline: float) -> "AccessToken":
        """A token of gcloud's account. Raises TokenError."""
        from docker_credential_gcr.helper import gcloud_program

        return gcloud_program.fetch_token(self, request, deadline)


def find_source(configuration: str, environ: "Mapping[str, str]", platform: str) -> Gcloud:
    """gcloud, whether it is installed or not. Its identity is the configuration and what overrides it."""
    directory = paths.find_gcloud_dir(environ, platform) or ""
    active = paths.find_variable(environ, "CLOUDSDK_ACTIVE_CONFIG_NAME")
    name = configuration or active or _read_active(directory)
    properties = os.path.join(directory, "configurations", f"config_{name}")
    overrides = [paths.find_variable(environ, variable) or "" for variable in VARIABLES]
    stamps = [_stamp(path) for path in (properties, *(environ.get(variable, "") for variable in FILES))]
    return Gcloud(configuration, environ, platform, ("gcloud", properties, *stamps, *overrides))


def _read_active(directory: str) -> str:
    try:
        data, _ = paths.read_file(os.path.join(directory, "active_config"))
        return data.decode("utf-8").strip() or "default"
    except (OSError, ValueError):
        return "default"


def _stamp(path: str) -> str:
    """What changes when a file does; nothing for none."""
    try:
        found = os.stat(path)
    except (OSError, ValueError):
        return ""
    return f"{found.st_ino} {found.st_size} {found.st_mtime_ns}"
