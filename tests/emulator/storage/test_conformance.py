"""Conformance suite of blob stores: each implementation of storage/base.py passes it."""

import asyncio
import hashlib
import os

import pytest
import requests
from support.child_processes import LIMIT_S
from support.servers import moto, seaweedfs

from docker_credential_gcr.emulator.storage.base import BlobStore
from docker_credential_gcr.emulator.storage.filesystem import FileStore
from docker_credential_gcr.emulator.telemetry.prometheus import GAUGES, format_metrics

from .fakes import MemoryStore

KEY, OTHER = "pieces/ab/one", "pieces/cd/two"
# Several blocks of a write and of a read.
DATA = os.urandom(1_300_003)
# Three parts of an object store's multipart upload.
PARTS = os.urandom(11_000_017)
STORES = [
    "files_store",
    "memory_store",
    pytest.param("seaweedfs_store", marks=seaweedfs.NEEDS),
    pytest.param("moto_store", marks=moto.NEEDS),
    pytest.param("gcs_store", marks=seaweedfs.NEEDS),
]


@pytest.fixture
def files_store(tmp_path) -> BlobStore:
    return FileStore(tmp_path)


@pytest.fixture
def memory_store() -> BlobStore:
    return MemoryStore()


@pytest.fixture(params=STORES)
def store(request) -> BlobStore:
    return request.getfixturevalue(request.param)


async def give(*chunks):
    for chunk in chunks:
        yield chunk


async def collect(blocks):
    return b"".join([block async for block in blocks])


def write(store, key, *chunks):
    hasher = hashlib.sha256()
    size = asyncio.run(store.write(key, give(*chunks), hasher))
    return size, hasher.hexdigest()


def read(store, key, start, stop):
    return asyncio.run(collect(store.read(key, start, stop)))


@pytest.mark.parametrize("size", [1, 65_537, 524_288, len(DATA)])
@pytest.mark.parametrize("chunk", [997, 400_000, len(DATA)])
def test_what_was_written_is_read_and_hashed(store, size, chunk):
    data = DATA[:size]
    chunks = [data[start : start + chunk] for start in range(0, size, chunk)]
    assert write(store, KEY, *chunks) == (size, hashlib.sha256(data).hexdigest())
    assert read(store, KEY, 0, size) == data


def test_a_large_body_is_read_and_hashed(store):
    chunks = [PARTS[start : start + 65_536] for start in range(0, len(PARTS), 65_536)]
    assert write(store, KEY, *chunks) == (len(PARTS), hashlib.sha256(PARTS).hexdigest())
    assert read(store, KEY, 5_000_000, len(PARTS)) == PARTS[5_000_000:]
    assert store.size(KEY) == len(PARTS)


@pytest.mark.parametrize(
    ("start", "stop"), [(0, 1), (len(DATA) - 1, len(DATA)), (262_143, 786_433), (5, len(DATA))]
)
def test_every_range_is_those_bytes(store, start, stop):
    write(store, KEY, DATA)
    assert read(store, KEY, start, stop) == DATA[start:stop]


def test_a_hasher_with_earlier_bytes_continues(store):
    hasher = hashlib.sha256(b"before")
    asyncio.run(store.write(KEY, give(b"after"), hasher))
    assert hasher.hexdigest() == hashlib.sha256(b"beforeafter").hexdigest()


@pytest.mark.parametrize("size", [10, len(DATA), len(PARTS)])
def test_a_body_that_breaks_off_leaves_nothing(store, size):
    async def break_off():
        yield PARTS[:size]
        raise ConnectionError("gone")

    with pytest.raises(ConnectionError):
        asyncio.run(store.write(KEY, break_off(), hashlib.sha256()))
    assert list(store.list("pieces/")) == []
    assert write(store, KEY, b"again")[0] == 5


@pytest.mark.parametrize("data", [DATA, PARTS], ids=["one", "parts"])
def test_a_write_that_is_cancelled_leaves_nothing(store, data):
    async def main():
        is_stalled = asyncio.Event()

        async def stall():
            yield data
            is_stalled.set()
            await asyncio.Event().wait()

        writing = asyncio.ensure_future(store.write(KEY, stall(), hashlib.sha256()))
        await is_stalled.wait()
        writing.cancel()
        await asyncio.wait([writing])
        return writing.cancelled()

    assert asyncio.run(main())
    assert list(store.list("pieces/")) == []


def test_a_key_is_written_once(store):
    write(store, KEY, b"first")
    with pytest.raises(FileExistsError):
        write(store, KEY, b"second")
    assert read(store, KEY, 0, 5) == b"first"


@pytest.mark.parametrize("stop", [1, 6])
def test_bytes_that_are_not_there_are_an_error(store, stop):
    if stop == 6:
        write(store, KEY, b"bytes")
    with pytest.raises(OSError, match=r"."):
        read(store, KEY, 0, stop)


def test_keys_are_listed_by_folder_and_deleted_any_number_of_times(store):
    for key in (OTHER, KEY, "other/x"):
        write(store, key, b"bytes")
    assert list(store.list("pieces/")) == [KEY, OTHER]
    assert list(store.list("pieces/ab/")) == [KEY]
    for _ in range(2):
        assert store.delete([KEY, "other/x"]) == []
    assert [list(store.list(folder)) for folder in ("pieces/", "other/", "none/")] == [[OTHER], [], []]


def test_where_the_bytes_are_is_told_or_unknown(store):
    write(store, KEY, b"bytes")
    path, link = store.path(KEY), asyncio.run(store.link(KEY, 60))
    assert path is None or path.read_bytes() == b"bytes"
    assert link is None or requests.get(link, timeout=LIMIT_S).content == b"bytes"


def test_the_size_of_a_key_is_that_of_its_bytes_or_unknown(store):
    write(store, KEY, b"bytes")
    assert (store.size(KEY), store.size(OTHER), store.size("pieces/ab")) == (5, None, None)


def test_what_a_store_measures_is_known_to_the_metrics(store):
    assert store.measure().keys() <= GAUGES.keys()


@seaweedfs.NEEDS
def test_s1_metrics_of_an_object_store_tell_that_it_refuses_requests(seaweedfs_store):
    for _ in range(5):
        seaweedfs_store.breaker.count_failure("down")

    page = format_metrics([], seaweedfs_store.measure(), "1").decode()

    assert [line for line in page.splitlines() if line.startswith("gcr_emulator_object_store")] == [
        "gcr_emulator_object_store_refusing 1.0",
        "gcr_emulator_object_store_errors_total 5.0",
        "gcr_emulator_object_store_failed_deletions_total 0.0",
        "gcr_emulator_object_store_failed_aborts_total 0.0",
    ]
