"""Where the files are: the configuration of gcloud, of the helper and of Docker, and the cache."""

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

CACHE = "DOCKER_CREDENTIAL_GCR_CACHE"


def find_home(environ: "Mapping[str, str]", platform: str = sys.platform) -> str | None:
    """The user's home directory: the variable, else the password database, else None."""
    home = environ.get("USERPROFILE" if platform == "win32" else "HOME")
    if home or platform == "win32":
        return home or None
    try:
        import pwd

        return pwd.getpwuid(os.getuid()).pw_dir or None
    except (ImportError, KeyError):  # a container's user without an entry
        return None


def find_gcloud_dir(environ: "Mapping[str, str]", platform: str = sys.platform) -> str | None:
    """The directory of gcloud's configuration, which Google's helper shares."""
    given = environ.get("CLOUDSDK_CONFIG")
    if given:
        return given
    if platform == "win32":
        return _join(platform, environ.get("APPDATA"), "gcloud")
    return _join(platform, find_home(environ, platform), ".config", "gcloud")


def find_adc_file(environ: "Mapping[str, str]", platform: str = sys.platform) -> str | None:
    """The well-known file of Application Default Credentials."""
    return _join(platform, find_gcloud_dir(environ, platform), "application_default_credentials.json")


def find_config_file(environ: "Mapping[str, str]", platform: str = sys.platform) -> str | None:
    """The helper's configuration, under the name that Google's helper gave it."""
    given = environ.get("DOCKER_CREDENTIAL_GCR_CONFIG")
    return given or _join(platform, find_gcloud_dir(environ, platform), "docker_credential_gcr_config.json")


def find_logins_file(environ: "Mapping[str, str]", platform: str = sys.platform) -> str | None:
    """What `docker login` handed over, beside the helper's configuration."""
    return _beside_config_file("docker_credential_gcr_logins.json", environ, platform)


def find_undo_file(environ: "Mapping[str, str]", platform: str = sys.platform) -> str | None:
    """What `configure-docker` changed, beside the helper's configuration."""
    return _beside_config_file("docker_credential_gcr_undo.json", environ, platform)


def _beside_config_file(other: str, environ: "Mapping[str, str]", platform: str) -> str | None:
    path = find_config_file(environ, platform)
    if path is None:
        return None
    separators = "/\\" if platform == "win32" else "/"
    name = path
    for separator in separators:
        name = name.rpartition(separator)[2]
    return path[: len(path) - len(name)] + other


def find_store_file(environ: "Mapping[str, str]", platform: str = sys.platform) -> str | None:
    """The file in which Google's helper keeps a login."""
    given = environ.get("DOCKER_CREDENTIAL_GCR_STORE")
    return given or _join(platform, find_gcloud_dir(environ, platform), "docker_credentials.json")


def find_cache_dir(environ: "Mapping[str, str]", platform: str = sys.platform) -> str | None:
    """The directory of the cached access tokens; None when the cache is off or there is no place for it."""
    if environ.get(CACHE) == "off":
        return None
    given = environ.get("DOCKER_CREDENTIAL_GCR_CACHE_DIR")
    if given:
        return given
    if platform == "win32":
        return _join(platform, environ.get("LOCALAPPDATA"), "docker-credential-gcr")
    if platform == "darwin":
        return _join(platform, find_home(environ, platform), "Library", "Caches", "docker-credential-gcr")
    xdg = environ.get("XDG_CACHE_HOME", "")
    if xdg.startswith(
        "/"
    ):  # a relative one is to be ignored: https://specifications.freedesktop.org/basedir/
        return _join(platform, xdg, "docker-credential-gcr")
    return _join(platform, find_home(environ, platform), ".cache", "docker-credential-gcr")


def find_docker_config_file(environ: "Mapping[str, str]", platform: str = sys.platform) -> str | None:
    """Docker's config.json. An empty DOCKER_CONFIG counts as unset, as it does for docker."""
    given = environ.get("DOCKER_CONFIG")
    if given:
        return _join(platform, given, "config.json")
    return _join(platform, find_home(environ, platform), ".docker", "config.json")


def _join(platform: str, directory: str | None, *names: str) -> str | None:
    if not directory:
        return None
    separator = "\\" if platform == "win32" else "/"
    return separator.join((directory.rstrip(separator), *names))
