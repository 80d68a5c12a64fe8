"""gcr-emulator fsck: checks a data directory, or the database and the store of running servers."""

import json
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from docker_credential_gcr.emulator.cli.options import say

from .data_option import data_or_database, lock_data_directory
from .progress import NoTerminal, TerminalProgress, echo_above, show_progress
from .shared_options import Storage, choose_place, open_shared, shared_options

if TYPE_CHECKING:
    from docker_credential_gcr.emulator.maintenance.fsck.findings import Finding


@click.command()
@data_or_database
@shared_options
@click.option("--quick", is_flag=True, help="Do not read the blobs: assume that each has its digest.")
@click.option("--sparse-manifests", is_flag=True, help="Accept manifests that name what is missing.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
@click.pass_context
def fsck(
    context: click.Context,
    data: Path | None,
    database: str | None,
    storage: Storage,
    quick: bool,
    sparse_manifests: bool,
    as_json: bool,
) -> None:
    """Check that the database and the blobs agree, and that each blob has its digest.

    Prints one finding a line, KIND SUBJECT: WHAT. If there is any, the exit code is 1, and stderr says what
    to do about each kind. Nothing is changed: gcr-emulator gc removes files without a row, gcr-emulator
    rebuild creates a new database. A data directory must not be in use; with --database servers may run.
    """
    database, storage = choose_place(context, data, database, storage)
    with show_progress() as progress:
        chosen = {"quick": quick, "sparse": sparse_manifests, "progress": progress}
        if database is not None:
            found = _check_shared(database, storage, data, **chosen)
        elif data is not None:
            found = _check(data, **chosen)
        else:
            raise click.UsageError("name the --data directory, or the --database")
        findings = list(found if as_json else _echo(found, progress))
    if as_json:
        click.echo(json.dumps({"findings": [vars(finding) for finding in findings]}, indent=2))
    else:
        _say_remedies(findings, data, is_shared=database is not None)
    context.exit(1 if findings else 0)


def _check(data: Path, **chosen: Any) -> "Iterator[Finding]":
    from docker_credential_gcr.emulator.maintenance.fsck import check

    with lock_data_directory(data) as directory:
        yield from check(directory.path, **chosen)


def _check_shared(database: str, storage: Storage, data: Path | None, **chosen: Any) -> "Iterator[Finding]":
    from docker_credential_gcr.emulator.maintenance.fsck.shared import check_shared
    from docker_credential_gcr.emulator.maintenance.fsck.stored_bytes import Files, Objects
    from docker_credential_gcr.emulator.storage.filesystem import FileStore

    store = storage.open(data)
    stored = Files(store) if isinstance(store, FileStore) else Objects(store, chosen["progress"])
    with open_shared(database) as session:
        yield from check_shared(session, stored, now=session.find_time(), **chosen)


def _echo(findings: "Iterator[Finding]", progress: TerminalProgress | NoTerminal) -> "Iterator[Finding]":
    """Yields the findings, and prints each as soon as it is found."""
    for finding in findings:
        echo_above(progress, str(finding))
        yield finding


def _say_remedies(findings: "list[Finding]", data: Path | None, *, is_shared: bool) -> None:
    from docker_credential_gcr.emulator.maintenance.fsck.findings import (
        SHARED_REMEDIES,
        list_remedies,
        name_commands,
    )

    if not findings:
        say("the registry is sound" if is_shared else f"{data} is sound")
    named = shlex.quote(str(data))
    commands = {name: f"gcr-emulator {name} --data {named}" for name in ("gc", "rebuild")}
    for line in list_remedies(findings, SHARED_REMEDIES if is_shared else name_commands(commands)):
        say(line)
