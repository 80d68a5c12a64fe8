"""Options --database, --storage and --storage-endpoint, and what they name: of servers that are running."""

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import click

from docker_credential_gcr.emulator.cli import options
from docker_credential_gcr.emulator.client.rest import EmulatorError
from docker_credential_gcr.emulator.runtime.errors import StorageFull, Unavailable
from docker_credential_gcr.emulator.runtime.files import find_status, private_umask

if TYPE_CHECKING:
    from docker_credential_gcr.emulator.database.engine.postgresql.single_session import SingleSession
    from docker_credential_gcr.emulator.storage.base import BlobStore
    from docker_credential_gcr.emulator.storage.filesystem import FileStore

F = TypeVar("F", bound=Callable[..., Any])


def _make_option(help_text: str, *, is_required: bool) -> Callable[[F], F]:
    return click.option(
        "--database",
        metavar="URL",
        envvar="GCR_EMULATOR_DATABASE",
        show_envvar=True,
        required=is_required,
        callback=options.check_password,
        help=help_text,
    )


_database = _make_option(
    "The PostgreSQL database of running servers, such as postgresql://HOST/NAME.", is_required=False
)
needed_database = _make_option("A PostgreSQL database, such as postgresql://HOST/NAME.", is_required=True)
_storage = click.option(
    "--storage",
    "storage_url",
    metavar="URL",
    envvar="GCR_EMULATOR_STORAGE",
    show_envvar=True,
    help="The object store with the bytes of images, s3://BUCKET or gs://BUCKET; it needs --database.",
)
_storage_endpoint = click.option(
    "--storage-endpoint",
    metavar="URL",
    envvar="GCR_EMULATOR_STORAGE_ENDPOINT",
    show_envvar=True,
    help="The URL of an object store that is not Amazon's or Google's.",
)


class Storage(NamedTuple):
    """The object store that the options name."""

    url: str | None
    endpoint: str | None

    def open(self, data: Path | None) -> "BlobStore":
        """Returns the store; without a URL, the files of the data directory.

        Raises UsageError and EmulatorError.
        """
        if self.url is None:
            return _open_files(data)
        from docker_credential_gcr.emulator.storage.base import UnusableStore
        from docker_credential_gcr.emulator.storage.open_store import open_store  # needs the extra `scale`

        try:
            return open_store(self.url, endpoint=self.endpoint)
        except UnusableStore as error:
            raise EmulatorError(str(error)) from error


def _open_files(data: Path | None) -> "FileStore":
    from docker_credential_gcr.emulator.storage.filesystem import FileStore

    if data is None:
        raise click.UsageError("--database needs --storage, or --data if a directory has the bytes of images")
    if not find_status(data / "keys"):
        raise EmulatorError(f"{data} is not a data directory of gcr-emulator")
    return FileStore(data)


def storage_options(command: F) -> F:
    """Gives the command, which has a `database`, a `storage`."""

    def run(
        database: str | None, storage_url: str | None, storage_endpoint: str | None, **chosen: object
    ) -> object:
        if storage_url is not None and database is None:
            raise click.UsageError("--storage needs --database")
        return command(database=database, storage=Storage(storage_url, storage_endpoint), **chosen)

    return _storage(_storage_endpoint(options.copy_declaration(run, command)))  # type: ignore[return-value]


def shared_options(command: F) -> F:
    """Gives the command a `database`, None if it is not given, and a `storage`."""
    return _database(storage_options(command))


def choose_place(
    context: click.Context, data: Path | None, database: str | None, storage: Storage
) -> tuple[str | None, Storage]:
    """Returns the database and the store that are meant; no database means the data directory alone.

    The variables may be of another registry than the --data on the command line. Raises UsageError.
    """
    if data is None or storage.url is None or not is_named(context, "data"):
        return database, storage
    if is_named(context, "storage_url"):
        raise click.UsageError("--data and --storage exclude each other: give one of them")
    return database if is_named(context, "database") else None, Storage(None, None)


def is_named(context: click.Context, parameter: str) -> bool:
    """Returns whether the parameter is on the command line."""
    return context.get_parameter_source(parameter) is click.core.ParameterSource.COMMANDLINE


@contextlib.contextmanager
def open_shared(url: str) -> Iterator["SingleSession"]:
    """Yields the database of running servers. Raises EmulatorError, also for errors in the block."""
    from docker_credential_gcr.emulator.database.engine.postgresql.single_session import open_session

    with report_database_errors(), private_umask(), open_session(url) as session:
        yield session


@contextlib.contextmanager
def report_database_errors() -> Iterator[None]:
    """Raises EmulatorError for an error of PostgreSQL or of the store in the block."""
    from docker_credential_gcr.emulator.database.engine.errors import UnusableDatabase

    try:
        yield
    except (StorageFull, Unavailable, UnusableDatabase) as error:
        raise EmulatorError(str(error)) from error
