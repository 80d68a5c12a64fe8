"""Plans what makes this program the helper of registries: the edits of its configuration and of Docker's."""

import os
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field

from docker_credential_gcr.errors import ConfigError, TokenError, UsageError
from docker_credential_gcr.helper import SUFFIX, registries
from docker_credential_gcr.helper.config import DEFAULT_SCOPES, load_config, parse_insecure_hosts
from docker_credential_gcr.helper.tokens.request import TokenRequest

from . import arguments, config_edit, docker_config, helper_config, json_file, undo_record
from .arguments import Options
from .docker_types import CONTAINERS, DOCKER

ALL_REGISTRIES = docker_config.STORE_MEMBER  # what stands for all registries where a host would


@dataclass
class ConfigurePlan:
    """The edits to make, in order, and what becomes of each name: a host, or EVERY of the whole store.

    `taken` and `kept` say who held a name before: a helper, or nobody but Docker's own file ("").
    `sources` are those of the names that get others than they had. `retractions` has for each file the edit
    that takes its changes out of the record.
    """

    path: str
    record: config_edit.Edit | None = None
    unrecorded: str | None = None
    retractions: dict[str, config_edit.Edit] = field(default_factory=dict)
    edits: list[config_edit.Edit] = field(default_factory=list)
    new: list[str] = field(default_factory=list)
    same: list[str] = field(default_factory=list)
    taken: dict[str, str] = field(default_factory=dict)
    kept: dict[str, str] = field(default_factory=dict)
    stored: dict[str, str] = field(default_factory=dict)
    sources: dict[str, str] = field(default_factory=dict)


def plan(
    order: Options,
    *,
    may_replace: Callable[[str, str], bool],
    environ: Mapping[str, str] = os.environ,
    platform: str = sys.platform,
) -> ConfigurePlan:
    """What to do for a command line; nothing is written.

    `may_take_over` is asked for a name that another helper holds, and told which. Raises UsageError for a
    registry or token source that cannot be, TokenError for a key or token file that would give no token,
    ConfigError for a file that cannot be read or changed.
    """
    if order.is_store and order.authfile:
        raise UsageError("--creds-store is docker's alone: the clients of an --authfile do not read it")
    hosts = arguments.select_hosts(order)
    sources = None if order.token_source is None else arguments.parse_token_sources(order.token_source)
    if sources is None:
        _check_configured(hosts, environ, platform)
    else:
        check_keys(sources, hosts, environ)
    result = ConfigurePlan(arguments.find_target(order.directory, order.authfile, environ, platform))
    text = docker_config.load_text(result.path, CONTAINERS if order.authfile else DOCKER)
    holders: dict[str, str | None] = dict(docker_config.parse_helpers(text))
    if order.is_store:
        holders[ALL_REGISTRIES] = docker_config.find_store(text)
    for name in (*((ALL_REGISTRIES,) if order.is_store else ()), *hosts):
        _settle(result, name, holders.get(name), may_replace)
    stored = docker_config.find_stored_logins(text)
    result.stored = {key: host for key, host in sorted(stored.items()) if host in hosts}
    _plan_edits(result, order, sources, text, environ, platform)
    return result


def _settle(
    result: ConfigurePlan, name: str, holder: str | None, may_replace: Callable[[str, str], bool]
) -> None:
    """Say what becomes of a name."""
    if holder == SUFFIX:
        result.same.append(name)
    elif holder is None:
        result.new.append(name)
    elif may_replace(name, holder):
        result.new.append(name)
        result.taken[name] = holder
    else:
        result.kept[name] = holder


def _plan_edits(
    result: ConfigurePlan,
    order: Options,
    sources: tuple[str, ...] | None,
    text: str,
    environ: Mapping[str, str],
    platform: str,
) -> None:
    """Plan the edit of the helper's configuration, that of Docker's, and the record of what both change."""
    ours, path = result.new + result.same, result.path
    file_type = CONTAINERS if order.authfile else DOCKER
    changes: undo_record.Record = {}
    if sources is not None and ours:
        names = (
            [undo_record.SOURCES]
            if order.registries is None
            else [name for name in ours if name != ALL_REGISTRIES]
        )
        keys = {name: undo_record.make_source_key(name) for name in names}
        values: dict[json_file.Path, object] = {key: list(sources) for key in keys.values()}
        result.edits.append(helper_config.plan(values, (), environ, platform))
        own = helper_config.get_path(environ, platform)
        found = changes[os.path.abspath(own)] = undo_record.find_changes(own, keys, list(sources))
        changed = [name for name in ours if undo_record.SOURCES in found or name in found]
        result.sources = dict.fromkeys(changed, ", ".join(sources))
    changes[path] = undo_record.find_changes(path, docker_config.make_helper_keys(text, ours), SUFFIX)
    _plan_record(result, changes, environ, platform)
    result.edits.append(
        config_edit.Edit(path, lambda text: docker_config.set_helpers(text, path, ours, file_type))
    )


def _plan_record(
    result: ConfigurePlan, changes: undo_record.Record, environ: Mapping[str, str], platform: str
) -> None:
    """Plan the record of the changes, and what takes it back for a file that cannot be changed."""
    changes = {name: found for name, found in changes.items() if found}
    if not changes:
        return
    try:
        path = undo_record.get_path(environ, platform)
        before = undo_record.load(path)
    except ConfigError as error:
        result.unrecorded = str(error)
        return
    result.record = undo_record.plan_adding(path, changes)
    result.retractions = {
        name: undo_record.plan_removing(path, {name: found}, before) for name, found in changes.items()
    }


def apply(planned: ConfigurePlan) -> None:
    """Make the edits. Raises ConfigError, and then the record names the changes that were made.

    The record comes first: one of a change that was not made is not acted on, one that is missing is missed.
    Where it cannot be written, as in a container that is read-only but for Docker's directory, nobody will
    want the change back: `unrecorded` says why, and the edits are made.
    """
    if planned.record:
        try:
            config_edit.apply(planned.record)
        except ConfigError as error:
            planned.unrecorded = str(error)
    for number, edit in enumerate(planned.edits):
        try:
            config_edit.apply(edit)
        except ConfigError:
            if planned.record and not planned.unrecorded:
                _retract(planned, planned.edits[number:])
            raise


def _retract(planned: ConfigurePlan, left: list[config_edit.Edit]) -> None:
    for edit in left:
        retraction = planned.retractions.get(os.path.abspath(edit.path))
        if retraction:
            with suppress(ConfigError):  # the failure of the edit is what a person must read
                config_edit.apply(retraction)


def _check_configured(hosts: tuple[str, ...], environ: Mapping[str, str], platform: str) -> None:
    configured = load_config(environ, platform).registries
    for host in hosts:
        if registries.find_trust_domain(host, configured) is None:
            raise UsageError(f"{host!r} is not Google's: name the --token-source whose tokens it may have")


def check_keys(sources: tuple[str, ...], hosts: tuple[str, ...], environ: Mapping[str, str]) -> None:
    """Raise TokenError when a key file or a token file among the sources would give no token."""
    insecure_hosts = parse_insecure_hosts(environ)
    for name in sources:
        if name.startswith("token-file:"):
            _check_token_file(name.partition(":")[2])
        if name.startswith("file:"):
            _check_key(name[5:], hosts, insecure_hosts)


def _check_key(path: str, hosts: tuple[str, ...], insecure_hosts: tuple[str, ...]) -> None:
    """Raises TokenError for a key that cannot sign, or that is not for a host."""
    from docker_credential_gcr.helper.google_auth import service_account
    from docker_credential_gcr.helper.token_sources import key_file

    document = key_file.load_document(key_file.find_source(path).path)
    if document.get("type") in service_account.OTHER_TYPES:  # only its endpoint can judge it
        return
    key = service_account.parse_key(path, document)
    key.sign((), now=time.time())
    for host in hosts:
        trust_domain = registries.find_trust_domain(host, (host,))
        assert trust_domain is not None  # noqa: S101 - for the type checker: the host is configured
        request = TokenRequest(host, trust_domain, scopes=DEFAULT_SCOPES, insecure_hosts=insecure_hosts)
        service_account.check_use(key, request)


def _check_token_file(path: str) -> None:
    """Raise TokenError for a token file that is not there or holds anything but a token."""
    from docker_credential_gcr.helper.token_sources.token_file import TokenFile

    request = TokenRequest("", registries.OTHER, scopes=())
    try:
        TokenFile(path).fetch(request, 0)
    except TokenError as error:
        hint = f"for a key file: file:{path}" if path.endswith(".json") else error.hint
        raise TokenError(str(error), hint=hint) from error
