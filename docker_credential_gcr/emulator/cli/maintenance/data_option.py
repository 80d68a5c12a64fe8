"""Option --data of the commands on a data directory, and the lock of that directory."""

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from docker_credential_gcr.emulator.client.rest import EmulatorError
from docker_credential_gcr.emulator.runtime.files import find_status, private_umask

if TYPE_CHECKING:
    from docker_credential_gcr.emulator.data_directory import DataDirectory

F = TypeVar("F", bound=Callable[..., Any])

directory_type = click.Path(file_okay=False, path_type=Path)


def _make_option(help_text: str, *, is_required: bool) -> Callable[[F], F]:
    return click.option(
        "--data",
        type=directory_type,
        required=is_required,
        envvar="GCR_EMULATOR_DATA",
        show_envvar=True,
        help=help_text,
    )


data_option = _make_option("The data directory of a server that is stopped.", is_required=True)
data_or_database = _make_option(
    "The data directory of a server that is stopped; with --database, that of a running one.",
    is_required=False,
)


@contextlib.contextmanager
def lock_data_directory(path: Path, *, accepts_moved: bool = False) -> Iterator["DataDirectory"]:
    """Yields the data directory, locked so that no server can use it. Raises EmulatorError.

    One that was moved is refused, unless `accepts_moved`.
    """
    from docker_credential_gcr.emulator.data_directory import (
        DataDirectory,
        DataDirectoryError,
        DataDirectoryInUse,
    )

    if not find_status(path / "keys"):
        raise EmulatorError(f"{path} is not a data directory of gcr-emulator")
    try:
        directory = DataDirectory(path, accepts_moved=accepts_moved)
    except DataDirectoryInUse as error:
        raise EmulatorError(f"{path} is in use by a server: stop it first") from error
    except DataDirectoryError as error:
        raise EmulatorError(str(error)) from error
    with contextlib.closing(directory), private_umask(), _report_database_errors(directory.database_path):
        yield directory


@contextlib.contextmanager
def _report_database_errors(database: Path) -> Iterator[None]:
    """Raises EmulatorError, in one line, for any error of SQLite, and for a full disk."""
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
