"""Plans what takes back the changes of `configure-docker`, from the record that it left."""

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field

from docker_credential_gcr.helper import (
    SUFFIX,
    command_line,
    config_changes,
    config_edit,
    docker_config,
    registration,
    undo,
)
from docker_credential_gcr.helper.docker_types import CONTAINERS, DOCKER

NO_CHANGES = undo.FileChanges(())


@dataclass
class Unregistration:
    """The edits to make, in order, and what becomes of each name.

    `restored` says who holds a name again, None for nobody; `left` are ours without a record.
    """

    edits: list[config_edit.Edit] = field(default_factory=list)
    restored: dict[str, str | None] = field(default_factory=dict)
    changed: list[str] = field(default_factory=list)
    left: list[str] = field(default_factory=list)
    absent: list[str] = field(default_factory=list)


def plan(
    names: str | None,
    directory: str | None,
    authfile: str | None,
    *,
    environ: Mapping[str, str] = os.environ,
    platform: str = sys.platform,
) -> Unregistration:
    """What to do for a command line; nothing is written. Raises UsageError and ConfigError.

    Without names: what is in the record. A host that is named is taken out also when it is not in there.
    """
    path = command_line.find_target(directory, authfile, environ, platform)
    hosts = None if names is None else command_line.parse_hosts(names)
    record_path = undo.get_path(environ, platform)
    record = undo.load(record_path)
    text = docker_config.load_text(path, CONTAINERS if authfile else DOCKER)
    found = record.get(path, NO_CHANGES)
    result = Unregistration()
    keys = [change.key for change in found.changes if hosts is None or change.key[-1] in hosts]
    unrecorded = _judge(result, text, found, keys, hosts)
    extra = undo.FileChanges(tuple(undo.Change(key, None, SUFFIX) for key in unrecorded), found.made)

    def change(text: str) -> str:
        text = undo.revert(text, path, extra, unrecorded)
        return undo.revert(text, path, found, keys) if text else text

    dropped = {path: keys, **_plan_own(result, record, path, keys, environ, platform)}
    if keys or unrecorded:
        result.edits.append(config_edit.Edit(path, change))
    if any(dropped.values()):
        result.edits.append(undo.plan_dropping(record_path, dropped))
    return result


def _judge(
    result: Unregistration,
    text: str,
    found: undo.FileChanges,
    keys: list[undo.Key],
    hosts: tuple[str, ...] | None,
) -> list[undo.Key]:
    """Say what becomes of each name; the keys that are taken out without a record."""
    helpers: dict[str, str | None] = dict(docker_config.parse_helpers(text))
    helpers[registration.EVERY] = docker_config.find_store(text)
    for item in found.changes:
        name = item.key[-1]
        if item.key in keys and helpers.get(name) == SUFFIX:
            result.restored[name] = None if item.before is None else docker_config.hide(str(item.before))
        elif item.key in keys:
            result.changed.append(name)
    recorded = {key[-1] for key in keys}
    ours = [name for name, helper in helpers.items() if helper == SUFFIX and name not in recorded]
    if hosts is None:
        result.left.extend(ours)
        return []
    taken = [name for name in hosts if name in ours]
    result.restored.update(dict.fromkeys(taken))
    result.absent.extend(name for name in hosts if name not in ours and name not in recorded)
    return docker_config.make_keys(text, taken)


def _plan_own(
    result: Unregistration,
    record: undo.Record,
    path: str,
    keys: list[undo.Key],
    environ: Mapping[str, str],
    platform: str,
) -> dict[str, list[undo.Key]]:
    """Plan the edit of the helper's configuration: what no other file that was configured needs."""
    own = os.path.abspath(config_changes.get_path(environ, platform))
    found = record.get(own, NO_CHANGES)
    needed = {
        change.key[-1]
        for name, other in record.items()
        if name != own
        for change in other.changes
        if name != path or change.key not in keys
    }
    undone = {key[-1] for key in keys}
    dropped = [
        change.key
        for change in found.changes
        if (change.key[1] in undone - needed if len(change.key) > 1 else keys and not needed)
    ]
    if dropped:
        result.edits.append(
            config_edit.Edit(own, lambda text: undo.revert(text, own, found, dropped), is_private=True)
        )
    return {own: dropped}


def apply(planned: Unregistration) -> None:
    """Make the edits. Raises ConfigError. The record goes last: until then the rest can be done again."""
    for edit in planned.edits:
        config_edit.apply(edit)
