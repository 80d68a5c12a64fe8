"""What the commands on a data directory share: the option that names it, and its lock."""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from docker_credential_gcr.emulator.client.rest import EmulatorError
from docker_credential_gcr.emulator.runtime.files import find_status, private_umask

if TYPE_CHECKING:
    from docker_credential_gcr.emulator.data_directory import DataDirectory

folder = click.Path(file_okay=False, path_type=Path)
data_option = click.option(
    "--data",
    type=folder,
    required=True,
    envvar="GCR_EMULATOR_DATA",
    show_envvar=True,
    help="The data directory of a server that is stopped.",
)


@contextlib.contextmanager
def hold_directory(path: Path) -> Iterator["DataDirectory"]:
    """The data directory, which no server has meanwhile. Raises EmulatorError."""
    from docker_credential_gcr.emulator.data_directory import (
        DataDirectory,
        DataDirectoryError,
        DataDirectoryInUse,
    )

    if not find_status(path / "keys"):
        raise EmulatorError(f"{path} is not a data directory of gcr-emulator")
    try:
        directory = DataDirectory(path)
    except DataDirectoryInUse as error:
        raise EmulatorError(f"{path} is in use by a server: stop it first") from error
    except DataDirectoryError as error:
        raise EmulatorError(str(error)) from error
    with contextlib.closing(directory), private_umask(), _explaining(directory.database_path):
        yield directory


@contextlib.contextmanager
def _explaining(database: Path) -> Iterator[None]:
    """Raises EmulatorError, in one line, for whatever SQLite says of the database, and for a full disk."""
    from docker_credential_gcr.emulator.database.engine.errors import (
        DATABASE_ERRORS,
        UnusableDatabase,
        describe_error,
        translate_error,
    )

    try:
        yield
    except UnusableDatabase as error:
        raise EmulatorError(str(translate_error(error))) from error
    except DATABASE_ERRORS as error:
        raise EmulatorError(describe_error(error, str(database))) from error
