"""gcr-emulator gc: collects garbage, through a running server or on a data directory."""

import contextlib
from pathlib import Path

import click

from docker_credential_gcr.emulator.cli import options
from docker_credential_gcr.emulator.cli.listing import json_option, print_counts
from docker_credential_gcr.emulator.cli.options import say, with_server
from docker_credential_gcr.emulator.cli.progress import show_progress
from docker_credential_gcr.emulator.cli.sizes import format_size
from docker_credential_gcr.emulator.client.rest import Server

from .data_option import folder, hold_directory


@click.command()
@click.option("--data", type=folder, help="The data directory of a server that is stopped.")
@click.option("--dry-run", is_flag=True, help="Say what would be removed, and remove nothing.")
@click.option("--untagged", is_flag=True, help="Remove manifests that no tag, index or referrer needs too.")
@click.option(
    "--older-than",
    type=options.parse_duration,
    metavar="DURATION",
    help="Remove what was last used that long ago, such as 90s, 30m, 24h or 7d; else the server's "
    "--gc-delay counts (24h).",
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
    """Remove what nothing needs: blobs, uploads and files that no manifest leads to.

    Prints how much of each kind is gone, one a line: manifests, links (blobs that a repository
    no longer sees), blobs, uploads, files (without a row in the database), bytes.
    """
    if data is None:
        asked = {} if older_than is None else {"older_than_s": older_than}
        with show_progress() as progress:
            progress.begin("waiting for the server")
            collected = server.collect_garbage(**asked, untagged=untagged, dry_run=dry_run)
    elif context.get_parameter_source("url") is click.core.ParameterSource.COMMANDLINE:
        raise click.UsageError("--server and --data exclude each other: with --data no server is asked")
    else:
        collected = _collect(data, older_than, untagged, dry_run)
    print_counts(collected, as_json=as_json)
    size = format_size(collected["bytes"])
    if dry_run:
        say(f"would free {size}; nothing was removed: leave out --dry-run to do it")
    else:
        say(f"freed {size}")


def _collect(data: Path, older_than_s: float | None, untagged: bool, dry_run: bool) -> dict[str, int]:
    from docker_credential_gcr.emulator.database.engine.database import Database
    from docker_credential_gcr.emulator.maintenance.database_identity import (
        check_own_database,
        record_identity,
    )
    from docker_credential_gcr.emulator.maintenance.scheduler import CollectionRequest, MaintenanceScheduler
    from docker_credential_gcr.emulator.settings import Limits
    from docker_credential_gcr.emulator.storage.filesystem import FileStore

    with hold_directory(data) as directory, show_progress() as progress:
        check_own_database(directory.path)
        with contextlib.closing(Database(directory.database_path)) as database:
            database.read_now(lambda connection: record_identity(directory.path, connection))
            store, root = FileStore(directory.path), directory.path
            scheduler = MaintenanceScheduler(
                database, store, root=root, limits=Limits(), is_alone=True, progress=progress
            )
            return vars(scheduler.collect(CollectionRequest(older_than_s, untagged, dry_run)))
