"""gcr-emulator gc: collects garbage, through a running server or on a data directory."""

import contextlib
from pathlib import Path

import click

from docker_credential_gcr.emulator.cli import options
from docker_credential_gcr.emulator.cli.listing import format_size, json_option, print_counts
from docker_credential_gcr.emulator.cli.options import say, with_server
from docker_credential_gcr.emulator.client.rest import Server

from .data_option import directory_type, lock_data_directory
from .progress import show_progress


@click.command()
@click.option("--data", type=directory_type, help="The data directory of a server that is stopped.")
@click.option("--dry-run", is_flag=True, help="Print what would be removed, and remove nothing.")
@click.option("--untagged", is_flag=True, help="Also remove manifests that no tag, index or referrer needs.")
@click.option(
    "--older-than",
    type=options.parse_duration,
    metavar="DURATION",
    help="Remove what no client has used for that long, such as 90s, 30m, 24h or 7d; without it the "
    "server's --gc-delay counts (24h).",
)
@json_option
@with_server
@click.pass_context
def gc(
    context: click.Context,
    server: Server,
    data: Path | None,
    dry_run: bool,
    untagged: bool,
    older_than: float | None,
    as_json: bool,
) -> None:
    """Remove garbage: blobs, uploads and files that no manifest needs.

    Prints how much of each kind was removed, one a line: manifests, links (from a repository to a blob),
    blobs, uploads, files (without a row in the database), bytes.
    """
    if data is None:
        chosen = {} if older_than is None else {"older_than_s": older_than}
        with show_progress() as progress:
            progress.begin("waiting for the server")
            collected = server.collect_garbage(**chosen, untagged=untagged, dry_run=dry_run)
    elif context.get_parameter_source("url") is click.core.ParameterSource.COMMANDLINE:
        raise click.UsageError("--server and --data exclude each other: give one of them")
    else:
        collected = _collect(data, older_than, untagged, dry_run)
    print_counts(collected, as_json=as_json)
    size = format_size(collected["bytes"])
    if dry_run:
        say(f"would free {size}; nothing was removed: leave out --dry-run to remove it")
    else:
        say(f"freed {size}")


def _collect(data: Path, older_than_s: float | None, untagged: bool, dry_run: bool) -> dict[str, int]:
    from docker_credential_gcr.emulator.database.engine.sqlite import SqliteDatabase
    from docker_credential_gcr.emulator.maintenance.database_identity import (
        check_own_database,
        record_identity,
    )
    from docker_credential_gcr.emulator.maintenance.scheduler import CollectionRequest, MaintenanceScheduler
    from docker_credential_gcr.emulator.settings import Limits
    from docker_credential_gcr.emulator.storage.filesystem import FileStore

    with lock_data_directory(data) as directory, show_progress() as progress:
        check_own_database(directory.path)
        with contextlib.closing(SqliteDatabase(directory.database_path)) as database:
            database.read_now(lambda connection: record_identity(directory.path, connection))
            store, root = FileStore(directory.path), directory.path
            scheduler = MaintenanceScheduler(
                database, store, root=root, limits=Limits(), is_alone=True, progress=progress
            )
            return vars(scheduler.collect(CollectionRequest(older_than_s, untagged, dry_run)))
