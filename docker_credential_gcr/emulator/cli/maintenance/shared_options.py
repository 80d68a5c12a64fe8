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

_database = click.option(
    "--database",
    metavar="URL",
    envvar="GCR_EMULATOR_DATABASE",
    show_envvar=True,
    callback=options.check_password,
    help="The PostgreSQL database of running servers, such as postgresql://HOST/NAME.",
)
needed_database = click.option(
    "--database",
    metavar="URL",
    envvar="GCR_EMULATOR_DATABASE",
    show_envvar=True,
    required=True,
    callback=options.check_password,
    help="A PostgreSQL database, such as postgresql://HOST/NAME.",
)
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
