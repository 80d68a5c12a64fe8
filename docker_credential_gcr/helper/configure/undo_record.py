"""The undo record: the values before `configure-docker`, from which `unconfigure-docker` restores them.

{"version": 2, "files": {
  "/home/me/.docker/config.json": {"": null, "gcr.io": "gcloud", "us.gcr.io": null},
  "/home/me/.config/gcloud/docker_credential_gcr_config.json": {"localhost:5000": [null, ["env"]]}}}

A file of Docker's has for each host the helper before, or null for none; "credsStore" stands for all hosts,
and "" says that the file did not exist. The helper's own configuration has for each host the token sources
before and after; "TokenSources" stands for all hosts, and {} for a host that had an entry without token
sources. The record holds no secrets.
"""

import json
import os
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

from docker_credential_gcr.errors import ConfigError
from docker_credential_gcr.helper import SUFFIX, paths, wire

from . import config_edit, config_file, json_file
from .docker_config import STORE_MEMBER
from .json_file import KeyPath

VERSION = 2
FILE = ""  # among the hosts of a file: the file itself
SOURCES = "TokenSources"


class Change(NamedTuple):
    """The value of a member before `configure-docker`, and the value that it set."""

    before: object
    after: object = SUFFIX


Changes = dict[str, Change]  # by host
Record = dict[str, Changes]  # by file


def make_source_key(name: str) -> KeyPath:
    """Returns the path of keys to the token sources of a host, or of all, in the helper's configuration."""
    return (SOURCES,) if name == SOURCES else ("Registries", name, SOURCES)


def find_changes(path: str, keys: Mapping[str, KeyPath], after: object) -> Changes:
    """Returns the changes, by host, if these members of a file are set to a value. Raises ConfigError."""
    content = json_file.parse(config_edit.load_target(path))
    found: Changes = {}
    for name, key in keys.items():
        before = json_file.find_value(content, key)
        if before is None and len(key) > 2 and json_file.find_value(content, key[:-1]) is not None:
            before = {}
        if before != after:
            found[name] = Change(before, after)
    return {FILE: Change(None), **found} if found and not os.path.exists(path) else found


def revert(text: str, path: str, changes: Changes, keys: Mapping[str, KeyPath]) -> str:
    """Returns the text without the changes of these hosts; a value that was changed since stays.

    Returns "" when the file did not exist before and holds nothing else. Raises ConfigError.
    """

    def change(content: json_file.Content) -> None:
        for name, key in keys.items():
            if json_file.find_value(content, key) == changes[name].after:
                _restore(content, key, changes[name].before)

    text = config_edit.change_object(text, path, change)
    return "" if FILE in changes and config_file.parse(text, path) == {} else text


def _restore(content: json_file.Content, key: KeyPath, before: object) -> None:
    """Restores a value; where there was none, removes the member, and the objects that are then empty."""
    if before is not None and before != {}:
        json_file.set_value(content, key, before)
        return
    json_file.remove_value(content, key)
    for length in range(len(key) - 1, 0, -1) if before is None else ():
        if json_file.find_value(content, key[:length]) == {}:
            json_file.remove_value(content, key[:length])


def get_path(environ: Mapping[str, str], platform: str) -> str:
    """Returns the path of the record. Raises ConfigError when there is no home directory."""
    path = paths.find_undo_file(environ, platform)
    if path is None:
        raise ConfigError("no home directory for the configuration", hint="set DOCKER_CREDENTIAL_GCR_CONFIG")
    return path


def load(path: str) -> Record:
    """Loads the record. Raises ConfigError."""
    return _parse(config_file.load_text(path), path)


def plan_adding(path: str, added: Record) -> config_edit.Edit:
    """Returns the edit that adds changes to the record; a newer change of a host replaces the older one."""

    def change(record: Record) -> None:
        for name, changes in added.items():
            record[name] = record.get(name, {}) | changes

    return _plan(path, change)


def plan_removing(path: str, removed: Mapping[str, Iterable[str]], before: Record) -> config_edit.Edit:
    """Returns the edit that removes the changes of these hosts, by file, or restores those in `before`."""

    def change(record: Record) -> None:
        for name, hosts in removed.items():
            rest = {host: item for host, item in record.get(name, {}).items() if host not in hosts}
            old = before.get(name, {})
            record[name] = rest | {host: old[host] for host in hosts if host in old}

    return _plan(path, change)


def _plan(path: str, change: Callable[[Record], None]) -> config_edit.Edit:
    def change_text(text: str) -> str:
        record = _parse(text, path)
        change(record)
        return _format(record)

    return config_edit.Edit(path, change_text, is_private=True)


def _parse(text: str, path: str) -> Record:
    try:
        content: Any = wire.loads(text)
        parse = _parse_changes if content.get("version") == VERSION else _parse_first_version
        return {name: parse(entry) for name, entry in content.get("files", {}).items()}
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise ConfigError(f"{path!r} is malformed", hint="move the file away") from error


def _parse_changes(entry: dict[str, Any]) -> Changes:
    found: Changes = {}
    for name, value in entry.items():
        before, after = value if isinstance(value, list) else (value, SUFFIX)
        if value is not None and not isinstance(value, (str, list)):
            raise TypeError("not a helper, nor a pair of lists")
        found[name] = Change(before, after)
    return found


def _parse_first_version(entry: dict[str, Any]) -> Changes:
    """Parses {"made": [[], ["credHelpers"]], "changes": [{"key": [...], "before": null, "after": "gcr"}]}."""
    found: Changes = {FILE: Change(None)} if [] in entry["made"] else {}
    for item in entry["changes"]:
        (*above, last), before = item["key"], item["before"]
        name = above[1] if len(above) > 1 else last if above or last == SOURCES else STORE_MEMBER
        if len(above) > 1 and before is None and above not in entry["made"]:
            before = {}  # the host had an entry without token sources
        found[str(name)] = Change(before, item["after"])
    return found


def _format(record: Record) -> str:
    """Returns the text of the record file; "" for an empty record."""
    files = {
        path: {name: item.before if item.after == SUFFIX else [*item] for name, item in changes.items()}
        for path, changes in record.items()
        if changes.keys() - {FILE}
    }
    return json.dumps({"version": VERSION, "files": files}, indent=2) + "\n" if files else ""
