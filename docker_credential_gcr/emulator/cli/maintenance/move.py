"""gcr-emulator move: copies a data directory to a PostgreSQL database and an object store."""

from pathlib import Path

import click

from docker_credential_gcr.emulator.cli.listing import json_option, print_counts
from docker_credential_gcr.emulator.cli.options import say
from docker_credential_gcr.emulator.client.rest import EmulatorError

from .data_option import data_option, lock_data_directory
from .progress import show_progress
from .shared_options import Storage, needed_database, report_database_errors, storage_options


@click.command()
@data_option
@needed_database
@storage_options
@json_option
def move(data: Path, database: str, storage: Storage, as_json: bool) -> None:
    """Copy a data directory to a PostgreSQL database and an object store.

    Any number of servers can share them then. The database must be empty. If the command is interrupted, call
    it again: it sends no object twice. At the end no server uses the data directory any more; nothing in it
    is deleted. Prints how much it has copied.
    """
    from docker_credential_gcr.emulator.data_directory import mark_moved
    from docker_credential_gcr.emulator.database.engine.sqlite import SqliteDatabase
    from docker_credential_gcr.emulator.maintenance.database_identity import check_own_database
    from docker_credential_gcr.emulator.maintenance.move import CannotMove, Target
    from docker_credential_gcr.emulator.maintenance.move import move as run

    if storage.url is None:
        raise click.UsageError("name the object store with --storage")
    with lock_data_directory(data, accepts_moved=True) as directory, show_progress() as progress:
        check_own_database(directory.path)
        SqliteDatabase(directory.database_path).close()  # migrates an older one
        target = Target(
            database,
            storage.open(None),
            directory.read_keys(),
            mark=lambda: mark_moved(directory.path, f"{database} and {storage.url}"),
            is_marked=directory.is_moved,
        )
        with report_database_errors():
            try:
                moved = run(directory.path, target, progress)
            except CannotMove as error:
                raise EmulatorError(str(error)) from error
    if moved is None:
        say("it was moved before: nothing to do")
        return
    print_counts(vars(moved), as_json=as_json)
    say(f"moved {data}: serve the database and the store from now on")
