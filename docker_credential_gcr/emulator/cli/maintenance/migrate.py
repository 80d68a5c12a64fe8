"""gcr-emulator migrate: brings a PostgreSQL database to the schema of this version."""

import click

from docker_credential_gcr.emulator.cli.options import say

from .shared_options import needed_database, report_database_errors


@click.command()
@needed_database
def migrate(database: str) -> None:
    """Bring a PostgreSQL database to the schema of this version, while servers use it.

    In an empty database it creates the tables. Run it before the first server of a newer version starts;
    servers of the version before go on. A second run changes nothing.
    """
    from docker_credential_gcr.emulator.database.engine.postgresql.migrate import migrate as run

    with report_database_errors():
        before, after = run(database)
    if before is None:
        say(f"created the tables, of revision {after}")
    elif before == after:
        say(f"nothing to do: the schema is of revision {after}")
    else:
        say(f"migrated the schema from revision {before} to {after}")
