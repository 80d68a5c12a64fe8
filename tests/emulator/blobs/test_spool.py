"""Bytes in flight: whatever way they arrive, they are hashed and kept once each."""

import asyncio
import hashlib

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from docker_credential_gcr.emulator.blobs.spool import SMALL, Spool


async def feed(spool, *chunks):
    for chunk in chunks:
        await spool.append(chunk)
    await spool.settle()


def content(spool, path):
    return path.read_bytes() if spool.data is None else spool.data


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.lists(st.integers(0, 700_000), max_size=4), max_size=4), st.booleans())
def test_any_requests_of_any_chunks_add_up(tmp_path, requests, restarting):
    place = (tmp_path, "upload")
    path = tmp_path / "upload"
    path.unlink(missing_ok=True)
    spool, expected = Spool(*place), b""
    for number, sizes in enumerate(requests):
        chunks = [bytes([65 + number]) * size for size in sizes]
        asyncio.run(feed(spool, *chunks))
        expected += b"".join(chunks)
        assert (spool.size, content(spool, path)) == (len(expected), expected)
        if restarting:
            data = spool.data
            spool = Spool.resume(*place, spool.size) if data is None else Spool(*place, data)
    for algorithm in ("sha256", "sha512"):
        digest = asyncio.run(spool.digest(algorithm))
        assert digest == f"{algorithm}:{hashlib.new(algorithm, expected).hexdigest()}"


@pytest.mark.parametrize(("size", "in_row"), [(SMALL, True), (SMALL + 1, False)])
def test_few_bytes_stay_in_memory_and_make_no_file(tmp_path, size, in_row):
    spool = Spool(tmp_path, "upload")
    asyncio.run(feed(spool, b"x" * size))
    assert (spool.data is not None, (tmp_path / "upload").exists()) == (in_row, not in_row)


def test_bytes_that_were_not_acknowledged_are_cut_off(tmp_path):
    path = tmp_path / "upload"
    path.write_bytes(b"x" * 100_000 + b"never acknowledged")
    spool = Spool.resume(tmp_path, path.name, 100_000)
    asyncio.run(feed(spool, b"y"))
    assert path.read_bytes() == b"x" * 100_000 + b"y"


def test_file_shorter_than_what_was_acknowledged_is_no_upload(tmp_path):
    path = tmp_path / "upload"
    path.write_bytes(b"x")
    for missing in (path.name, "none"):
        with pytest.raises(FileNotFoundError):
            Spool.resume(tmp_path, missing, 100_000)


def test_z08_uploads_hold_a_bounded_number_of_bytes_together(tmp_path):
    chunk = b"a" * 400_000

    async def main():
        spools = [Spool(tmp_path, f"spool-{number}") for number in range(200)]
        for spool in spools:
            await spool.append(chunk)
        held = sum(spool._pending_size for spool in spools)
        for spool in spools:
            await spool.settle()
        return held

    assert asyncio.run(main()) <= 32 * 1024 * 1024 + len(chunk)
    assert Spool._waiting == 0
    assert {path.read_bytes() for path in tmp_path.iterdir()} == {chunk}
