"""Credentials in the directory of `gcr-emulator run`: what COMMAND logs in with is its own, and ends with it.

DIRECTORY/docker/config.json    Docker's configuration, and that of Podman, Buildah and Skopeo
          docker/cli-plugins    a link to the user's
          gcloud/               gcloud's configuration, with the helper's files
          cache/                the helper's access tokens
"""

import os
from collections.abc import Mapping
from pathlib import Path

_PLUGINS = "cli-plugins"


def make_credentials(root: Path, environ: Mapping[str, str]) -> dict[str, str]:
    """Returns the variables that lead clients to the directory, in which their files are then."""
    docker, gcloud = root / "docker", root / "gcloud"
    docker.mkdir()
    gcloud.mkdir()
    # Podman 4 refuses to start where REGISTRY_AUTH_FILE names no file.
    (docker / "config.json").write_text("{}\n")
    plugins = _find_plugins(environ)
    if plugins is not None:
        (docker / _PLUGINS).symlink_to(plugins.absolute())
    return {
        "DOCKER_CONFIG": str(docker),
        # Clients that are given a file look into no other: so it is the one that names the helper.
        "REGISTRY_AUTH_FILE": str(docker / "config.json"),
        "CLOUDSDK_CONFIG": str(gcloud),
        "DOCKER_CREDENTIAL_GCR_CONFIG": str(gcloud / "docker_credential_gcr_config.json"),
        "DOCKER_CREDENTIAL_GCR_STORE": str(gcloud / "docker_credentials.json"),
        "DOCKER_CREDENTIAL_GCR_CACHE_DIR": str(root / "cache"),
        # What `docker login` hands over goes beside the configuration, not to the user's keyring.
        "DOCKER_CREDENTIAL_GCR_KEYRING": "file",
    }


def _find_plugins(environ: Mapping[str, str]) -> Path | None:
    """The directory of the user's plugins for docker; None without one."""
    home = environ.get("HOME")
    configured = environ.get("DOCKER_CONFIG") or (f"{home}/.docker" if home else None)
    if configured is None:
        return None
    plugins = Path(configured, _PLUGINS)
    # os.path, which takes what this user may not look at for absent; pathlib raises before Python 3.14.
    return plugins if os.path.isdir(plugins) else None
