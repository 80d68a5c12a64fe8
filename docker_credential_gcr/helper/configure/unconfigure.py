"""The plan of unconfigure-docker: the edits that undo configure-docker, from its undo record."""

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field

from docker_credential_gcr.helper import SUFFIX

from . import arguments, config_edit, docker_config, helper_config, undo_record
from .configure import ALL_REGISTRIES
from .docker_types import CONTAINERS, DOCKER


@dataclass
class UnconfigurePlan:
    """The edits to make, in order, and the result for each name.

    `restored` has the helper that a name gets back, None for none; `unrecorded` are names of this helper
    that are not in the record.
    """

    edits: list[config_edit.Edit] = field(default_factory=list)
    restored: dict[str, str | None] = field(default_factory=dict)
    changed: list[str] = field(default_factory=list)
    unrecorded: list[str] = field(default_factory=list)
    absent: list[str] = field(default_factory=list)


def plan(
    names: str | None,
    directory: str | None,
    authfile: str | None,
    *,
    environ: Mapping[str, str] = os.environ,
    platform: str = sys.platform,
) -> UnconfigurePlan:
    """Plans the edits for a command line; writes nothing. Raises UsageError and ConfigError.

    Without names it undoes all of the record. A named host is removed also when it is not in the record.
    """
    path = arguments.find_target(directory, authfile, environ, platform)
    hosts = None if names is None else arguments.parse_hosts(names)
    record_path = undo_record.get_path(environ, platform)
    record = undo_record.load(record_path)
    text = docker_config.load_text(path, CONTAINERS if authfile else DOCKER)
    found = record.get(path, {})
    result = UnconfigurePlan()
    recorded = [name for name in found if name != undo_record.FILE and (hosts is None or name in hosts)]
    unrecorded = _classify(result, text, found, recorded, hosts)
    changes = found | dict.fromkeys(unrecorded, undo_record.Change(None))

    def change(text: str) -> str:
        keys = docker_config.make_helper_keys(text, [*unrecorded, *recorded])
        return undo_record.revert(text, path, changes, keys)

    removed = {path: recorded, **_plan_helper_config(result, record, path, recorded, environ, platform)}
    if recorded or unrecorded:
        result.edits.append(config_edit.Edit(path, change))
    if any(removed.values()):
        result.edits.append(undo_record.plan_removing(record_path, removed, {}))
    return result


def _classify(
    result: UnconfigurePlan,
    text: str,
    found: undo_record.Changes,
    names: list[str],
    hosts: tuple[str, ...] | None,
) -> list[str]:
    """Adds each name to the result; returns the named hosts that are removed without a record."""
    helpers: dict[str, str | None] = dict(docker_config.parse_helpers(text))
    helpers[ALL_REGISTRIES] = docker_config.find_store(text)
    for name in names:
        before = found[name].before
        if helpers.get(name) == SUFFIX:
            result.restored[name] = None if before is None else docker_config.mask_secret(str(before))
        else:
            result.changed.append(name)
    ours = [name for name, helper in helpers.items() if helper == SUFFIX and name not in names]
    if hosts is None:
        result.unrecorded.extend(ours)
        return []
    removed = [name for name in hosts if name in ours]
    result.restored.update(dict.fromkeys(removed))
    result.absent.extend(name for name in hosts if name not in ours and name not in names)
    return removed


def _plan_helper_config(
    result: UnconfigurePlan,
    record: undo_record.Record,
    path: str,
    names: list[str],
    environ: Mapping[str, str],
    platform: str,
) -> dict[str, list[str]]:
    """Plans the removal of token sources, from the helper's configuration, that no other file's hosts need.

    Returns the hosts to remove from the record, by file.
    """
    own = os.path.abspath(helper_config.get_path(environ, platform))
    found = record.get(own, {})
    others = ((file, name) for file, changes in record.items() if file != own for name in changes)
    needed = {
        name for file, name in others if name != undo_record.FILE and (file != path or name not in names)
    }
    undone = set(names) - needed
    if names and not needed:
        undone.add(undo_record.SOURCES)
    keys = {name: undo_record.make_source_key(name) for name in found if name in undone}
    if keys:
        result.edits.append(
            config_edit.Edit(own, lambda text: undo_record.revert(text, own, found, keys), is_private=True)
        )
    return {own: list(keys)}


def apply(planned: UnconfigurePlan) -> None:
    """Makes the edits. Raises ConfigError. The record is last: after a failure a second run does the rest."""
    for edit in planned.edits:
        config_edit.apply(edit)
