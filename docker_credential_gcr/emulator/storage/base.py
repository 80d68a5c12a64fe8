"""The interface of a blob store: bytes that are written once, under a key of their own, and deleted.

A key is never written twice, and nothing is renamed, appended to or truncated: a disk and an object store
can both do that. Which bytes make a blob is the database's to say.
"""

from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Iterator
from pathlib import Path
from typing import Protocol

from docker_credential_gcr.emulator.oci.digest import Hasher


class BlobStore(Protocol):
    """A place for immutable bytes by key, such as pieces/ab/….

    tests/emulator/storage/ holds what each implementation has to do.
    """

    async def write(self, key: str, chunks: AsyncIterator[bytes], hasher: Hasher) -> int:
        """Keeps the bytes, feeds them to the hasher, and returns their size once they are durable.

        Raises OSError. After any failure nothing is left under the key, and the hasher is of no use.
        """

    def read(self, key: str, start: int, stop: int) -> AsyncGenerator[bytes, None]:
        """Gives the bytes from `start` to `stop`. Raises OSError where they are not all there."""

    def path(self, key: str) -> Path | None:
        """Returns the local file of the key, which need not exist; None where the store has no files."""

    def link(self, key: str, lifetime_s: int) -> str | None:
        """Returns a URL that opens the bytes for that many seconds; None where the store serves none."""

    def delete(self, keys: Iterable[str]) -> None:
        """Deletes the bytes of each key that has some; blocks. Raises OSError."""

    def list(self, prefix: str) -> Iterator[str]:
        """Gives the keys in the folder `prefix`, which ends with /, and in those below it; blocks."""
