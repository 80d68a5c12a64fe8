"""Database and blob store of the settings: SQLite and files, or PostgreSQL and an object store."""

from collections.abc import Callable
from pathlib import Path

from docker_credential_gcr.emulator.database.engine.database import Database, Observe
from docker_credential_gcr.emulator.database.engine.errors import (
    DATABASE_ERRORS,
    UnusableDatabase,
    describe_error,
    translate_error,
)
from docker_credential_gcr.emulator.database.engine.sqlite import SqliteDatabase
from docker_credential_gcr.emulator.maintenance.database_identity import (
    DATABASE,
    check_new_database,
    check_own_database,
    record_identity,
)
from docker_credential_gcr.emulator.storage.base import BlobStore, UnusableStore
from docker_credential_gcr.emulator.storage.filesystem import FileStore

from .settings import Settings

# Errors of a database or a store that cannot be used; explain_failure returns their message.
STORE_FAILURES = (UnusableDatabase, UnusableStore, *DATABASE_ERRORS)


def open_database(
    settings: Settings, root: Path, store: BlobStore, *, observe: Observe, follow: Callable[[float], None]
) -> Database:
    """Opens the database, by default the one below `root`; `follow` gets the skew of PostgreSQL's clock.

    Raises UnusableDatabase, also for a new one of PostgreSQL next to a store that has bytes of images.
    """
    if settings.database is not None:
        from .database.engine.postgresql import opening  # needs the extra `scale`

        return opening.open_database(
            settings.database,
            processes=settings.workers,
            check=lambda connection: check_new_database(connection, store),
            observe=observe,
            follow=follow,
        )
    check_own_database(root)
    database = SqliteDatabase(root / DATABASE, shared=settings.workers > 1, observe=observe)
    database.read_now(lambda connection: record_identity(root, connection))
    return database


def open_store(settings: Settings, root: Path) -> BlobStore:
    """Opens the blob store, by default the files below `root`. Raises UnusableStore."""
    if settings.storage is None:
        return FileStore(root)
    from .storage import open_store  # needs the extra `scale`

    return open_store.open_store(
        settings.storage,
        endpoint=settings.storage_endpoint,
        public_endpoint=settings.storage_public_endpoint,
    )


def find_link_warning(settings: Settings) -> str | None:
    """Returns why clients may not reach the links of --redirect-blobs. Raises UnusableStore."""
    if settings.storage is None or not settings.redirect_blobs:
        return None
    from .storage import open_store  # as above

    return open_store.find_link_warning(
        settings.storage,
        endpoint=settings.storage_endpoint,
        public_endpoint=settings.storage_public_endpoint,
    )


def explain_failure(error: Exception) -> str:
    """Returns the message about an error that ends the server, or about a full disk that caused it."""
    if isinstance(error, DATABASE_ERRORS):
        return describe_error(error, "the database cannot be used")
    return str(translate_error(error))
