"""A shared place: an empty database of PostgreSQL and an empty folder of a bucket, for one registry."""

import asyncio
import uuid
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any

from support.servers.seaweedfs import SeaweedFs

if TYPE_CHECKING:
    from docker_credential_gcr.emulator.settings import Settings
    from docker_credential_gcr.emulator.storage.object_store import ObjectStore

BUCKET = "shared-places"


class SharedPlace:
    """A database and a folder, the options that name them, and what is there."""

    def __init__(self, database: str, seaweedfs: SeaweedFs) -> None:
        seaweedfs.create_bucket(BUCKET)
        self.database = database
        self.storage = f"s3://{BUCKET}/{uuid.uuid4().hex}"
        self._endpoint = seaweedfs.url
        self.options = (
            "--database",
            database,
            "--storage",
            self.storage,
            "--storage-endpoint",
            seaweedfs.url,
        )

    def settings(self, **settings: Any) -> "Settings":
        """Returns the settings of a server that collects no garbage by itself."""
        from docker_credential_gcr.emulator.settings import Settings

        named = {"database": self.database, "storage": self.storage, "storage_endpoint": self._endpoint}
        return Settings(port=0, gc_interval_s=0, **named, **settings)

    def open_store(self) -> "ObjectStore":
        """Returns the store."""
        from docker_credential_gcr.emulator.storage.open_store import open_store

        return open_store(self.storage, endpoint=self._endpoint)

    def list_objects(self) -> dict[str, int | None]:
        """Returns the keys in the folder with their sizes."""
        store = self.open_store()
        return {key: store.size(key) for folder in ("pieces/", "buckets/") for key in store.list(folder)}

    def put(self, key: str, content: bytes) -> None:
        """Writes an object, in place of one that may be there."""
        from docker_credential_gcr.emulator.oci.digest import new_hasher

        async def chunks() -> AsyncIterator[bytes]:
            yield content

        store = self.open_store()
        store.delete([key])
        asyncio.run(store.write(key, chunks(), new_hasher("sha256")))

    def delete(self, key: str) -> None:
        """Deletes an object."""
        assert self.open_store().delete([key]) == []

    def ask(self, query: str) -> list[tuple[Any, ...]]:
        """Returns the rows of a query."""
        import psycopg

        with psycopg.connect(self.database, autocommit=True) as connection:
            return connection.execute(query).fetchall()  # type: ignore[call-overload,no-any-return]
