"""gcr-emulator rebuild: creates a new database if the old one is damaged or missing."""

import time
from pathlib import Path

import click

from docker_credential_gcr.emulator.cli.listing import json_option, print_counts
from docker_credential_gcr.emulator.cli.options import say
from docker_credential_gcr.emulator.client.rest import EmulatorError

from .data_option import data_option, lock_data_directory
from .progress import show_progress


def _refuse(_context: click.Context, _parameter: click.Parameter, url: str | None) -> None:
    """Raises UsageError for a PostgreSQL database."""
    if url is not None:
        raise click.UsageError(
            "rebuild makes a new SQLite database: restore PostgreSQL from a back-up, with pg_restore or by "
            "point-in-time recovery, and check it with gcr-emulator fsck"
        )


@click.command()
@data_option
@click.option("--database", hidden=True, expose_value=False, callback=_refuse)
@click.option(
    "--from",
    "source",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="A copy of the database, to use instead of the readable part of the damaged one.",
)
@json_option
@click.pass_context
def rebuild(context: click.Context, data: Path, source: Path | None, as_json: bool) -> None:
    """Create a new database from the readable part of the old one, and from the blobs.

    The part that cannot be read is taken from the last snapshot. The old database is kept as
    emulator.db.damaged. Prints how much of each kind there is now. If something is lost, stderr names it, and
    the exit code is 1, although the new database is in place.
    """
    from docker_credential_gcr.emulator.maintenance.fsck.findings import escape_controls
    from docker_credential_gcr.emulator.maintenance.rebuild import NothingToRebuildFrom
    from docker_credential_gcr.emulator.maintenance.rebuild import rebuild as run

    if source is not None and not source.is_file():  # SQLite would block on a FIFO
        raise EmulatorError(f"{source} is not a regular file: name a copy of the database with --from")
    with lock_data_directory(data) as directory, show_progress() as progress:
        try:
            rebuilt = run(directory.path, source=source, now=time.time(), progress=progress)
        except NothingToRebuildFrom as error:
            raise EmulatorError(str(error)) from error
    say(f"built from {' and '.join(map(str, rebuilt.sources))}")
    for text in rebuilt.lost:
        say(f"lost: {escape_controls(text)}")
    print_counts(rebuilt.rows, as_json=as_json)
    if rebuilt.lost:
        say("rebuilt without the lost parts: push them again, or name a copy of the database with --from")
        context.exit(1)
