"""Client configuration of `gcr-emulator run`: COMMAND's logins go to a temporary directory.

DIRECTORY/docker/config.json    Docker's configuration, and that of Podman, Buildah and Skopeo
          docker/cli-plugins    a link to the user's
          gcloud/               gcloud's configuration, with the helper's files
          cache/                the helper's access tokens
"""

import os
from collections.abc import Mapping
from pathlib import Path

_PLUGINS = "cli-plugins"


def create_client_configuration(root: Path, environ: Mapping[str, str]) -> dict[str, str]:
    """Creates the clients' files in the directory; returns the variables that name them."""
    docker, gcloud = root / "docker", root / "gcloud"
    docker.mkdir()
    gcloud.mkdir()
    # Podman 4 does not start if REGISTRY_AUTH_FILE names no file.
    (docker / "config.json").write_text("{}\n")
    plugins = _find_plugins(environ)
    if plugins is not None:
        (docker / _PLUGINS).symlink_to(plugins.absolute())
    return {
        "DOCKER_CONFIG": str(docker),
        # Podman reads only the file that this names: so it is Docker's, which names the helper.
        "REGISTRY_AUTH_FILE": str(docker / "config.json"),
        "CLOUDSDK_CONFIG": str(gcloud),
        "DOCKER_CREDENTIAL_GCR_CONFIG": str(gcloud / "docker_credential_gcr_config.json"),
        "DOCKER_CREDENTIAL_GCR_STORE": str(gcloud / "docker_credentials.json"),
        "DOCKER_CREDENTIAL_GCR_CACHE_DIR": str(root / "cache"),
        # The credentials of `docker login` go next to the configuration, not to the user's keyring.
        "DOCKER_CREDENTIAL_GCR_KEYRING": "file",
    }


def _find_plugins(environ: Mapping[str, str]) -> Path | None:
    """Returns the directory of the user's docker plugins; None if there is none."""
    home = environ.get("HOME")
    configured = environ.get("DOCKER_CONFIG") or (f"{home}/.docker" if home else None)
    if configured is None:
        return None
    plugins = Path(configured, _PLUGINS)
    # os.path returns False for what this user may not read; pathlib raises before Python 3.14.
    return plugins if os.path.isdir(plugins) else None
