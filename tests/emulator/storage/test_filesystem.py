"""Filesystem blob store: its files, and how many of their bytes are in memory."""

import asyncio
import errno
import hashlib
import os
import stat

import pytest

from docker_credential_gcr.emulator.storage.filesystem import FileStore

KEY = "pieces/ab/one"
SIZE = 1_000_003
MIB = 1024 * 1024
# The number of unsent blocks that the HTTP server keeps for one connection.
UNSENT = 16


@pytest.fixture
def store(tmp_path):
    return FileStore(tmp_path)


async def give(*chunks):
    for chunk in chunks:
        yield chunk


def write(store, data=b"bytes"):
    asyncio.run(store.write(KEY, give(data), hashlib.sha256()))


def test_a_key_is_the_path_below_the_directory(store, tmp_path):
    write(store)
    assert store.path(KEY) == tmp_path / KEY
    assert (tmp_path / KEY).read_bytes() == b"bytes"


def test_files_and_folders_are_their_owners_alone(store, tmp_path):
    before = os.umask(0)
    try:
        write(store)
    finally:
        os.umask(before)
    modes = {stat.S_IMODE(path.stat().st_mode) for path in tmp_path.rglob("*") if path.is_file()}
    folders = {stat.S_IMODE(path.stat().st_mode) for path in tmp_path.rglob("*") if path.is_dir()}
    assert (modes, folders) == ({0o600}, {0o700})


def test_t14_a_write_that_fails_in_the_middle_leaves_no_part_of_it(store):
    class Failing:
        """Fails as a full disk does, after the first block."""

        def __init__(self):
            self._size = 0

        def update(self, data):
            self._size += len(data)
            if self._size > MIB:
                raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(OSError, match="No space left"):
        asyncio.run(store.write(KEY, give(bytes(MIB), bytes(MIB), bytes(MIB)), Failing()))
    assert list(store.list("pieces/")) == []
    assert store.waiting_size == 0


def test_one_reader_alone_gets_large_blocks(store):
    write(store, bytes(SIZE))

    async def main():
        return [len(block) async for block in store.read(KEY, 0, SIZE)]

    assert asyncio.run(main()) == [262_144, 262_144, 262_144, SIZE - 3 * 262_144]


def test_z07_many_readers_hold_a_bounded_number_of_bytes_together(store, tmp_path):
    write(store)
    os.truncate(tmp_path / KEY, 64 * SIZE)

    async def main():
        readers = [store.read(KEY, 0, 64 * SIZE) for _ in range(300)]
        held = 0
        for _ in range(UNSENT):
            for reader in readers:
                held += len(await anext(reader))
        for reader in readers:
            await reader.aclose()
        return held

    # Alone each would have held 4 MiB.
    assert asyncio.run(main()) < 300 * 4 * MIB / 4


def test_a_reader_that_is_closed_counts_no_more(store):
    write(store, bytes(SIZE))

    async def main():
        readers = [store.read(KEY, 0, SIZE) for _ in range(300)]
        for reader in readers:
            await anext(reader)
            await reader.aclose()
        return len(await anext(store.read(KEY, 0, SIZE)))

    assert asyncio.run(main()) == 262_144


def test_z08_writes_hold_a_bounded_number_of_bytes_together(store):
    """Stops a hundred clients in mid-body: the bytes that wait for a full block do not grow with them."""
    paused = asyncio.Event()

    async def stop_after(size):
        for _ in range(size // 65_536):
            yield bytes(65_536)
        await paused.wait()

    async def main():
        bodies = [stop_after(500_000) for _ in range(100)]
        tasks = [
            asyncio.ensure_future(store.write(f"pieces/ab/{number}", body, hashlib.sha256()))
            for number, body in enumerate(bodies)
        ]
        for _ in range(2000):
            await asyncio.sleep(0)
        held = store.waiting_size
        paused.set()
        await asyncio.gather(*tasks)
        return held

    assert asyncio.run(main()) <= 40 * MIB
    assert store.waiting_size == 0
