"""In-memory blob store for tests."""

import builtins
from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Iterator

from docker_credential_gcr.emulator.oci.digest import Hasher

_BLOCK = 1000


class MemoryStore:
    """Stores bytes by key in memory."""

    def __init__(self) -> None:
        self._objects: dict[str, bytes] = {}

    async def write(self, key: str, chunks: AsyncIterator[bytes], hasher: Hasher) -> int:
        data = b""
        async for chunk in chunks:
            hasher.update(chunk)
            data += chunk
        if key in self._objects:
            raise FileExistsError(key)
        self._objects[key] = data
        return len(data)

    async def read(self, key: str, start: int, stop: int) -> AsyncGenerator[bytes, None]:
        if len(self._objects.get(key, b"")) < stop:
            raise OSError(f"{key} is missing, or shorter than its piece")
        for offset in range(start, stop, _BLOCK):
            yield self._objects[key][offset : min(offset + _BLOCK, stop)]

    def path(self, key: str) -> None:
        """Returns None: there are no files."""

    async def link(self, key: str, lifetime_s: int) -> None:
        """Returns None: there are no URLs."""

    def size(self, key: str) -> int | None:
        return len(self._objects[key]) if key in self._objects else None

    def delete(self, keys: Iterable[str]) -> builtins.list[str]:
        for key in keys:
            self._objects.pop(key, None)
        return []

    def list(self, prefix: str) -> Iterator[str]:
        yield from sorted(key for key in self._objects if key.startswith(prefix))

    def measure(self) -> dict[str, float]:
        return {}
