"""Plans the edits of the helper's own configuration."""

import os
from collections.abc import Mapping

from docker_credential_gcr.errors import ConfigError
from docker_credential_gcr.helper import config_file, files, json_text, paths
from docker_credential_gcr.helper.config import Config

Path = tuple[str, ...]
REGISTRY_KEYS = ("Account", "Delegates", "Impersonate", "Lifetime", "Scopes", "TokenSources")
KEYS = (*REGISTRY_KEYS, "MinTTL", "OnError", "Registries", "SelfSignedJWT", "Timeout")


def plan(
    values: Mapping[Path, object], removed: tuple[Path, ...], environ: Mapping[str, str], platform: str
) -> config_file.Edit:
    """The edit that sets members and takes others out. Raises ConfigError when the result would not do."""
    path = get_path(environ, platform)

    def change(text: str) -> str:
        try:
            for key in removed:
                text = json_text.remove_member(text, key)
            for key, value in values.items():
                text = json_text.set_member(text, key, value)
        except ValueError as error:
            raise ConfigError(f"{path!r}: {error}", hint=config_file.HINT) from error
        content = config_file.parse(text, path)
        assert isinstance(content, dict)  # noqa: S101 - for the type checker: it began as an object
        Config(content, path, environ)
        return text

    edit = config_file.Edit(path, change, is_private=True)
    config_file.preview(edit)
    return edit


def get_path(environ: Mapping[str, str], platform: str) -> str:
    """The path of the helper's configuration. Raises ConfigError when there is no home for it."""
    path = paths.find_config_file(environ, platform)
    if path is None:
        raise ConfigError("no home directory for the configuration", hint="set DOCKER_CREDENTIAL_GCR_CONFIG")
    return path


def remove_file(environ: Mapping[str, str], platform: str) -> bool:
    """Remove the helper's configuration; False when there was none. Raises ConfigError."""
    path = get_path(environ, platform)
    if files.is_stream(path):  # /dev/null is not this program's to remove
        return False
    try:
        os.unlink(path)
    except FileNotFoundError:
        return False
    except OSError as error:
        raise ConfigError(f"cannot remove {path!r}: {error.strerror}") from error
    return True
