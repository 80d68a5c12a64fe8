"""The plan of configure-docker: the edits that make this program the credential helper of registries."""

import os
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field

from docker_credential_gcr.errors import ConfigError, TokenError, UsageError
from docker_credential_gcr.helper import SUFFIX, registries
from docker_credential_gcr.helper.config import DEFAULT_SCOPES, load_config, parse_insecure_hosts
from docker_credential_gcr.helper.tokens import TokenRequest

from . import arguments, config_edit, docker_config, helper_config, undo_record
from .arguments import Options
from .docker_types import CONTAINERS, DOCKER
from .json_file import KeyPath

ALL_REGISTRIES = docker_config.STORE_MEMBER  # stands for Docker's store where a plan has a host


@dataclass
class ConfigurePlan:
    """The edits to make, in order, and the result for each name: a host, or ALL_REGISTRIES.

    `replaced` and `skipped` have the helper that a name has now; "" is Docker's own file. `sources` has the
    names whose token sources change. `record` is the edit of the undo record, `record_fault` why there is
    none. `rollbacks` has for each file the edit that removes its changes from the record again.
    """

    path: str
    record: config_edit.Edit | None = None
    record_fault: str | None = None
    rollbacks: dict[str, config_edit.Edit] = field(default_factory=dict)
    edits: list[config_edit.Edit] = field(default_factory=list)
    new: list[str] = field(default_factory=list)
    unchanged: list[str] = field(default_factory=list)
    replaced: dict[str, str] = field(default_factory=dict)
    skipped: dict[str, str] = field(default_factory=dict)
    stored_logins: dict[str, str] = field(default_factory=dict)
    sources: dict[str, str] = field(default_factory=dict)


def plan(
    options: Options,
    *,
    may_replace: Callable[[str, str], bool],
    environ: Mapping[str, str] = os.environ,
    platform: str = sys.platform,
) -> ConfigurePlan:
    """Plans the edits for a command line; writes nothing.

    `may_replace` is called with a name and the helper that it has now. Raises UsageError for an impossible
    registry or token source, TokenError for a key or token file that would give no token, ConfigError for a
    file that cannot be read or changed.
    """
    if options.is_store and options.authfile:
        raise UsageError(
            "--creds-store is for docker: clients that read an --authfile ignore it: use one of the two"
        )
    hosts = arguments.select_hosts(options)
    sources = None if options.token_source is None else arguments.parse_token_sources(options.token_source)
    if sources is None:
        _check_configured(hosts, environ, platform)
    else:
        check_token_sources(sources, hosts, environ)
    result = ConfigurePlan(arguments.find_target(options.directory, options.authfile, environ, platform))
    text = docker_config.load_text(result.path, CONTAINERS if options.authfile else DOCKER)
    helpers: dict[str, str | None] = dict(docker_config.parse_helpers(text))
    if options.is_store:
        helpers[ALL_REGISTRIES] = docker_config.find_store(text)
    for name in (*((ALL_REGISTRIES,) if options.is_store else ()), *hosts):
        _classify(result, name, helpers.get(name), may_replace)
    stored = docker_config.find_stored_logins(text)
    result.stored_logins = {key: host for key, host in sorted(stored.items()) if host in hosts}
    _plan_edits(result, options, sources, text, environ, platform)
    return result


def _classify(
    result: ConfigurePlan, name: str, helper: str | None, may_replace: Callable[[str, str], bool]
) -> None:
    """Adds a name to the result, by the helper that it has now."""
    if helper == SUFFIX:
        result.unchanged.append(name)
    elif helper is None:
        result.new.append(name)
    elif may_replace(name, helper):
        result.new.append(name)
        result.replaced[name] = helper
    else:
        result.skipped[name] = helper


def _plan_edits(
    result: ConfigurePlan,
    options: Options,
    sources: tuple[str, ...] | None,
    text: str,
    environ: Mapping[str, str],
    platform: str,
) -> None:
    """Plans the edit of the helper's configuration, that of Docker's, and the undo record of both."""
    ours, path = result.new + result.unchanged, result.path
    file_type = CONTAINERS if options.authfile else DOCKER
    changes: undo_record.Record = {}
    if sources is not None and ours:
        names = [name for name in ours if name != ALL_REGISTRIES]
        names = [undo_record.SOURCES] if options.registries is None else names
        keys = {name: undo_record.make_source_key(name) for name in names}
        values: dict[KeyPath, object] = {key: list(sources) for key in keys.values()}
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
    """Plans the edit that records the changes, and for each file the edit that removes them again."""
    changes = {name: found for name, found in changes.items() if found}
    if not changes:
        return
    try:
        path = undo_record.get_path(environ, platform)
        before = undo_record.load(path)
    except ConfigError as error:
        result.record_fault = str(error)
        return
    result.record = undo_record.plan_adding(path, changes)
    result.rollbacks = {
        name: undo_record.plan_removing(path, {name: found}, before) for name, found in changes.items()
    }


def apply(planned: ConfigurePlan) -> None:
    """Makes the edits. Raises ConfigError; the undo record then has the changes that were made.

    The record is written first: a recorded change that was not made is ignored later, a change without a
    record could not be undone. Where the record cannot be written, as in a container that is read-only
    except for Docker's directory, `record_fault` says why, and the edits are made without it.
    """
    if planned.record:
        try:
            config_edit.apply(planned.record)
        except ConfigError as error:
            planned.record_fault = str(error)
    for number, edit in enumerate(planned.edits):
        try:
            config_edit.apply(edit)
        except ConfigError:
            if planned.record and not planned.record_fault:
                _roll_back_record(planned, planned.edits[number:])
            raise


def _roll_back_record(planned: ConfigurePlan, failed: list[config_edit.Edit]) -> None:
    for edit in failed:
        rollback = planned.rollbacks.get(os.path.abspath(edit.path))
        if rollback:
            with suppress(ConfigError):  # the user must read the failure of the edit, not this one
                config_edit.apply(rollback)


def _check_configured(hosts: tuple[str, ...], environ: Mapping[str, str], platform: str) -> None:
    configured = load_config(environ, platform).registries
    for host in hosts:
        if registries.find_trust_domain(host, configured) is None:
            raise UsageError(f"{host!r} is not Google's: name its token source with --token-source")


def check_token_sources(sources: tuple[str, ...], hosts: tuple[str, ...], environ: Mapping[str, str]) -> None:
    """Raises TokenError when a key file or a token file among the sources would give no token."""
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
    if document.get("type") in service_account.OTHER_TYPES:  # only its endpoint can check it
        return
    key = service_account.parse_key(path, document)
    key.sign((), now=time.time())
    for host in hosts:
        trust_domain = registries.find_trust_domain(host, (host,))
        assert trust_domain is not None  # noqa: S101 - for the type checker: the host is configured
        request = TokenRequest(host, trust_domain, scopes=DEFAULT_SCOPES, insecure_hosts=insecure_hosts)
        service_account.check_use(key, request)


def _check_token_file(path: str) -> None:
    """Raises TokenError for a token file that is absent or does not hold a token."""
    from docker_credential_gcr.helper.token_sources.token_file import TokenFile

    request = TokenRequest("", registries.OTHER, scopes=())
    try:
        TokenFile(path).fetch(request, 0)
    except TokenError as error:
        hint = f"for a key file: file:{path}" if path.endswith(".json") else error.hint
        raise TokenError(str(error), hint=hint) from error
