"""What `configure-docker` changed, written down so that `unconfigure-docker` can take back that and no more.

{"version": 1, "files": {"/home/me/.docker/config.json": {
  "made": [["credHelpers"]],
  "changes": [{"key": ["credHelpers", "gcr.io"], "before": "gcloud", "after": "gcr"}]}}}

`made` names the objects that were made for the changes; [] is the file itself. `before` is null for a
member that was not there. There are no secrets in it.
"""

import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from docker_credential_gcr.errors import ConfigError
from docker_credential_gcr.helper import config_edit, config_file, json_file, paths, wire

Key = tuple[str, ...]
VERSION = 1


@dataclass(frozen=True)
class Change:
    """One member, and its value before and after; None for a member that is not there."""

    key: Key
    before: object
    after: object


@dataclass(frozen=True)
class FileChanges:
    """What was changed in a file, and the objects that were made for it."""

    changes: tuple[Change, ...]
    made: tuple[Key, ...] = ()


Record = dict[str, FileChanges]


def find_changes(path: str, values: Mapping[Key, object]) -> FileChanges:
    """What setting these members would change in a file. Raises ConfigError."""
    content = json_file.parse(config_edit.load_target(path))
    changes: list[Change] = []
    made: list[Key] = [] if os.path.exists(path) else [()]
    for key, after in values.items():
        before = json_file.find_value(content, key)
        if before == after:
            continue
        changes.append(Change(key, before, after))
        for length in range(1, len(key)):
            if json_file.find_value(content, key[:length]) is None and key[:length] not in made:
                made.append(key[:length])
    return FileChanges(tuple(changes), tuple(made) if changes else ())


def get_path(environ: Mapping[str, str], platform: str) -> str:
    """Where the changes are written down. Raises ConfigError when there is no home for it."""
    path = paths.find_undo_file(environ, platform)
    if path is None:
        raise ConfigError("no home directory for the configuration", hint="set DOCKER_CREDENTIAL_GCR_CONFIG")
    return path


def load(path: str) -> Record:
    """The changes that are written down, by file. Raises ConfigError."""
    return _parse(config_file.load_text(path), path)


def plan_adding(path: str, added: Record) -> config_edit.Edit:
    """The edit that writes changes down beside those that are there; the newer `before` of a key counts."""

    def change(text: str) -> str:
        record = _parse(text, path)
        for name, new in added.items():
            old = record.get(name, FileChanges(()))
            kept = {change.key: change for change in old.changes} | {c.key: c for c in new.changes}
            record[name] = FileChanges(tuple(kept.values()), tuple(dict.fromkeys((*old.made, *new.made))))
        return _format(record)

    return config_edit.Edit(path, change, is_private=True)


def plan_retracting(path: str, added: Record, before: Record) -> config_edit.Edit:
    """The edit that takes out changes that were not made after all: what the record held `before` counts."""

    def change(text: str) -> str:
        record = _parse(text, path)
        for name, new in added.items():
            old, now = before.get(name, FileChanges(())), record.get(name, FileChanges(()))
            keys = {change.key for change in new.changes}
            kept = [change for change in now.changes if change.key not in keys]
            kept += [change for change in old.changes if change.key in keys]
            made = tuple(key for key in now.made if key in old.made or key not in new.made)
            record[name] = FileChanges(tuple(kept), made)
        return _format({name: changes for name, changes in record.items() if changes.changes})

    return config_edit.Edit(path, change, is_private=True)


def plan_dropping(path: str, dropped: Mapping[str, Iterable[Key]]) -> config_edit.Edit:
    """The edit that forgets the changes of these keys."""

    def change(text: str) -> str:
        record = _parse(text, path)
        for name, keys in dropped.items():
            if name in record:
                left = tuple(item for item in record[name].changes if item.key not in set(keys))
                record[name] = FileChanges(left, record[name].made)
        return _format({name: changes for name, changes in record.items() if changes.changes})

    return config_edit.Edit(path, change, is_private=True)


def revert(text: str, path: str, found: FileChanges, keys: Iterable[Key]) -> str:
    """The text without the changes of these keys; what somebody changed since is left. Raises ConfigError.

    No text at all, when the file was made for the changes and nothing else came into it.
    """
    wanted = set(keys)

    def change_back(content: json_file.Content) -> None:
        for change in (change for change in found.changes if change.key in wanted):
            if json_file.find_value(content, change.key) != change.after:
                continue
            if change.before is not None:
                json_file.set_value(content, change.key, change.before)
                continue
            json_file.remove_value(content, change.key)
            _remove_empty(content, change.key, found.made)

    text = config_edit.change_object(text, path, change_back)
    return "" if () in found.made and config_file.parse(text, path) == {} else text


def _remove_empty(content: json_file.Content, key: Key, made: tuple[Key, ...]) -> None:
    """Takes out the objects above a key that were made for it and hold nothing any more."""
    for length in range(len(key) - 1, 0, -1):
        if key[:length] in made and json_file.find_value(content, key[:length]) == {}:
            json_file.remove_value(content, key[:length])


def _parse(text: str, path: str) -> Record:
    try:
        content: Any = wire.loads(text)
        return {name: _parse_file(entry) for name, entry in content.get("files", {}).items()}
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise ConfigError(f"{path!r} is malformed", hint="move the file away") from error


def _parse_file(entry: dict[str, Any]) -> FileChanges:
    changes = (Change(_parse_key(item["key"]), item["before"], item["after"]) for item in entry["changes"])
    made = (_parse_key(key) if key else () for key in entry["made"])
    return FileChanges(tuple(changes), tuple(made))


def _parse_key(value: object) -> Key:
    if not isinstance(value, list) or not value or not all(isinstance(part, str) for part in value):
        raise TypeError("not a key")
    return tuple(value)


def _format(record: Record) -> str:
    """The text of the file; none when nothing is written down."""
    if not record:
        return ""
    files = {
        name: {
            "made": [list(key) for key in found.made],
            "changes": [{"key": list(c.key), "before": c.before, "after": c.after} for c in found.changes],
        }
        for name, found in record.items()
    }
    return json.dumps({"version": VERSION, "files": files}, indent=2) + "\n"
