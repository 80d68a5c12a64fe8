"""gcr-emulator gc: collects garbage: through a running server, next to several, or on a data directory."""

import contextlib
from pathlib import Path

import click

from docker_credential_gcr.emulator.cli import options
from docker_credential_gcr.emulator.cli.listing import format_size, json_option, print_counts
from docker_credential_gcr.emulator.cli.options import say, with_server
from docker_credential_gcr.emulator.client.rest import Server

from .data_option import directory_type, lock_data_directory
from .progress import show_progress
from .shared_options import Storage, choose_place, is_named, open_shared, shared_options

_OPTIONS = {"--data": "data", "--database": "database", "--server": "url"}


@click.command()
@click.option(
    "--data",
    type=directory_type,
    help="The data directory of a server that is stopped; with --database, that of a running one.",
)
@shared_options
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
    database: str | None,
    storage: Storage,
    dry_run: bool,
    untagged: bool,
    older_than: float | None,
    as_json: bool,
) -> None:
    """Remove garbage: blobs, uploads and files that no manifest needs.

    Prints how much of each kind was removed, one a line: manifests, links (from a repository to a blob),
    blobs, uploads, files (without a row in the database), bytes.
    """
    database, storage = choose_place(context, data, database, storage)
    if _is_server_named(context):
        database = None
    if database is not None:
        collected = _collect_shared(database, storage, data, older_than, untagged, dry_run)
    elif data is not None:
        collected = _collect(data, older_than, untagged, dry_run)
    else:
        chosen = {} if older_than is None else {"older_than_s": older_than}
        with show_progress() as progress:
            progress.begin("waiting for the server")
            collected = server.collect_garbage(**chosen, untagged=untagged, dry_run=dry_run)
    print_counts(collected, as_json=as_json)
    size = format_size(collected["bytes"])
    if dry_run:
        say(f"would free {size}; nothing was removed: leave out --dry-run to remove it")
    else:
        say(f"freed {size}")


def _is_server_named(context: click.Context) -> bool:
    """Returns whether --server is on the command line. Raises UsageError if another place is there, too."""
    named = [option for option, name in _OPTIONS.items() if is_named(context, name)]
    if "--server" in named and len(named) > 1:
        raise click.UsageError(f"--server and {named[0]} exclude each other: give one of them")
    return "--server" in named


def _collect_shared(
    database: str,
    storage: Storage,
    data: Path | None,
    older_than_s: float | None,
    untagged: bool,
    dry_run: bool,
) -> dict[str, int]:
    from docker_credential_gcr.emulator.maintenance.dry_run import save_shared_outline, simulate_collection
    from docker_credential_gcr.emulator.maintenance.garbage_collection import Collection, Rules
    from docker_credential_gcr.emulator.settings import Limits

    store = storage.open(data)
    with open_shared(database) as session, show_progress() as progress:
        rules = Rules.find(
            Limits(), now=session.find_time(), older_than_s=older_than_s, untagged=untagged, progress=progress
        )
        if dry_run:
            progress.begin("rows")
            return vars(simulate_collection(save_shared_outline(session, rules), store, rules))
        return vars(Collection(session, store, rules).run())


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
