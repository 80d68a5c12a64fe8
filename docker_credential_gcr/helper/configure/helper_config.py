"""Edits of the helper's own configuration, docker_credential_gcr_config.json."""

import os
from collections.abc import Mapping

from docker_credential_gcr import files
from docker_credential_gcr.errors import ConfigError, quote
from docker_credential_gcr.helper import paths
from docker_credential_gcr.helper.config import Config

from . import config_edit, config_file
from .json_file import KeyPath

REGISTRY_KEYS = ("Account", "Delegates", "Impersonate", "Lifetime", "Scopes", "TokenSources")
KEYS = (*REGISTRY_KEYS, "MinTTL", "OnError", "Registries", "SelfSignedJWT", "Timeout")


def plan(
    values: Mapping[KeyPath, object], removed: tuple[KeyPath, ...], environ: Mapping[str, str], platform: str
) -> config_edit.Edit:
    """Plans the edit that sets some members and removes others. Raises ConfigError for a malformed result."""
    path = get_path(environ, platform)

    def change(text: str) -> str:
        text = config_edit.set_members(text, path, values, removed)
        content = config_file.parse(text, path)
        assert isinstance(content, dict)  # noqa: S101 - for the type checker: set_members returns an object
        Config(content, path, environ)
        return text

    edit = config_edit.Edit(path, change, is_private=True)
    config_edit.preview(edit)
    return edit


def find_ignored_keys(environ: Mapping[str, str], platform: str) -> list[str]:
    """Returns a text for each key that is ignored: a mistyped one, or one in the wrong place.

    Other unknown keys are accepted: Google's helper may use them. Raises ConfigError.
    """
    path = get_path(environ, platform)
    content = config_file.parse(config_edit.load_target(path), path)
    assert isinstance(content, dict)  # noqa: S101 - for the type checker: load_target returns an object
    found: list[tuple[str, str, tuple[str, ...]]] = [(f"{path!r}: ", key, KEYS) for key in content]
    hosts = content.get("Registries")
    for host, members in hosts.items() if isinstance(hosts, dict) else ():
        where = f"{path!r}: Registries[{quote(host)}]: "
        found += [(where, key, REGISTRY_KEYS) for key in (members if isinstance(members, dict) else ())]
    return [where + text for where, key, known in found if (text := _explain(key, known))]


def _explain(key: str, known: tuple[str, ...]) -> str | None:
    """Returns why a key is ignored; None for a known key, and for a key of another program."""
    if key in known:
        return None
    import difflib  # 1 ms, needed only for an unknown key

    if key in KEYS:
        return (
            f"the key {key!r} is ignored here: it applies to all registries: move it to the top of the file"
        )
    names = {name.lower(): name for name in known}
    close = difflib.get_close_matches(key.lower(), names, n=1, cutoff=0.75)
    return f"the key {key!r} is ignored: rename it to {names[close[0]]!r}" if close else None


def get_path(environ: Mapping[str, str], platform: str) -> str:
    """Returns the path of the helper's configuration. Raises ConfigError when there is no home directory."""
    path = paths.find_config_file(environ, platform)
    if path is None:
        raise ConfigError("no home directory for the configuration", hint="set DOCKER_CREDENTIAL_GCR_CONFIG")
    return path


def remove_file(environ: Mapping[str, str], platform: str) -> bool:
    """Removes the helper's configuration; returns False when there was none. Raises ConfigError."""
    path = get_path(environ, platform)
    if files.is_stream(path):  # /dev/null must not be removed
        return False
    try:
        os.unlink(path)
    except FileNotFoundError:
        return False
    except OSError as error:
        raise ConfigError(f"cannot remove {path!r}: {error.strerror}") from error
    return True
