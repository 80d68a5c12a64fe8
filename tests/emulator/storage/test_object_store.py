"""Object store: what it does when the store, or the client, fails."""

import asyncio
import hashlib
import os
import threading

import pytest
from obstore.store import S3Store
from support.servers.loopback import serving
from support.servers.s3_stub import S3Stub

from docker_credential_gcr.emulator.runtime.errors import StorageFull, StorageUnavailable
from docker_credential_gcr.emulator.storage.circuit_breaker import CircuitBreaker
from docker_credential_gcr.emulator.storage.object_store import PART_SIZE, ObjectStore
from docker_credential_gcr.emulator.storage.open_store import open_store

KEY, OTHER = "pieces/ab/one", "pieces/cd/two"
MIB = 1024 * 1024
DATA = os.urandom(3 * MIB)
# Three parts.
PARTS = os.urandom(2 * PART_SIZE + 17)


@pytest.fixture
def stub():
    with serving(S3Stub()) as stub:
        yield stub


@pytest.fixture
def store(stub, set_environ):
    set_environ(AWS_ACCESS_KEY_ID="id", AWS_SECRET_ACCESS_KEY="secret")
    return open_store("s3://bucket", endpoint=stub.url)


@pytest.fixture
def hasty_store(stub):
    """A store whose client repeats no request."""
    bucket = S3Store(
        "bucket",
        config={"endpoint": stub.url, "skip_signature": True, "disable_bulk_delete": True},
        client_options={"allow_http": True},
        retry_config={"max_retries": 0},
    )
    return ObjectStore(reads=bucket, writes=bucket, links=bucket)


async def give(data, size=65_536):
    for start in range(0, len(data), size):
        yield data[start : start + size]


def write(store, data, key=KEY):
    return asyncio.run(store.write(key, give(data), hashlib.sha256()))


def read(store, start, stop):
    async def collect():
        return b"".join([block async for block in store.read(KEY, start, stop)])

    return asyncio.run(collect())


def test_s11_every_request_has_a_length_and_none_a_checksum(store, stub):
    refused = []

    def refuse(handler):
        names = {name.lower() for name in handler.headers}
        if handler.command in ("PUT", "POST") and "content-length" not in names:
            refused.append(handler.path)
            return handler.refuse(411, "MissingContentLength")
        if any("checksum" in name or name in ("transfer-encoding", "x-amz-trailer") for name in names):
            refused.append(handler.path)
            return handler.refuse(400, "InvalidArgument")
        return False

    stub.intercept = refuse
    write(store, DATA)
    write(store, PARTS, OTHER)
    assert read(store, 5, len(DATA)) == DATA[5:]
    assert (list(store.list("pieces/")), store.size(KEY)) == ([KEY, OTHER], len(DATA))
    assert store.delete([KEY, OTHER]) == []
    assert (stub.objects, refused) == ({}, [])


def test_a_body_of_one_part_is_one_request_that_creates_and_a_longer_one_is_whole_parts(store, stub):
    write(store, DATA)
    write(store, PARTS, OTHER)
    stored = [asked for asked in stub.requests if asked.method == "PUT"]
    assert [int(asked.headers["content-length"]) for asked in stored] == [len(DATA), PART_SIZE, PART_SIZE, 17]
    assert [asked.headers.get("if-none-match") for asked in stored] == ["*", None, None, None]
    assert stub.objects == {KEY: DATA, OTHER: PARTS}


@pytest.mark.parametrize("status", [403, 501])
def test_s12_a_deletion_that_fails_is_told_and_keeps_no_other(store, stub, status):
    for key in (KEY, OTHER, "pieces/ef/three"):
        write(store, b"bytes", key)
    stub.intercept = lambda handler: handler.key == OTHER and handler.refuse(status, "NotImplemented")
    assert store.delete([KEY, OTHER, "pieces/ef/three", "pieces/00/none"]) == [OTHER]
    assert (list(stub.objects), store.failed_deletions) == ([OTHER], 1)
    # Several stores have no bulk deletion, or answer 200 to one that failed.
    assert "POST" not in stub.list_methods()


def test_s12_denied_deletions_refuse_nothing_else(store, stub):
    write(store, DATA)
    stub.intercept = lambda handler: handler.command == "DELETE" and handler.refuse(403, "AccessDenied")
    keys = [f"pieces/ab/{number}" for number in range(20)]
    assert store.delete(keys) == keys
    assert read(store, 0, len(DATA)) == DATA


def cut_after(size):
    """Returns an `intercept` that breaks every response of an object off after that many bytes."""

    def intercept(handler):
        if handler.command != "GET" or handler.key != KEY:
            return False
        data = handler.server.objects[KEY]
        status, start, stop = handler.find_range(len(data))
        handler.send_head(status, start, stop, len(data))
        handler.wfile.write(data[start : min(stop, start + size)])
        handler.close_connection = True
        return True

    return intercept


def test_s7_a_response_that_breaks_off_again_and_again_is_continued_where_it_stopped(hasty_store, stub):
    write(hasty_store, DATA)
    stub.intercept = cut_after(300_000)
    assert read(hasty_store, 7, len(DATA)) == DATA[7:]
    # Each continuation has a budget of its own: there are more of them than tries of a request.
    assert stub.list_methods().count("GET") == -(-len(DATA) // 300_000)


def test_s7_a_read_has_no_limit_of_the_whole_response_and_one_of_silence(store):
    for bucket in (store._reads, store._writes):
        assert bucket.client_options["timeout"] == "1000000s"
    assert (store._reads.client_options["read_timeout"], store._reads.retry_config["max_retries"]) == (
        "4s",
        3,
    )


def test_s7_a_response_without_a_byte_is_tried_a_bounded_number_of_times(hasty_store, stub):
    write(hasty_store, DATA)
    stub.intercept = cut_after(0)
    with pytest.raises(StorageUnavailable):
        read(hasty_store, 0, len(DATA))
    assert stub.list_methods().count("GET") == 4


def test_a_read_of_what_is_missing_or_shorter_fails_before_its_first_byte(store, stub):
    with pytest.raises(FileNotFoundError, match="no such object"):
        read(store, 0, 1)
    stub.objects[KEY] = b"bytes"
    with pytest.raises(OSError, match="is shorter"):
        read(store, 0, 6)


def test_a_failure_is_repeated_and_then_told_without_its_text(store, stub):
    stub.intercept = lambda handler: handler.refuse(503, "SlowDown")
    for attempt in (
        lambda: read(store, 0, 1),
        lambda: write(store, b"bytes"),
        lambda: write(store, PARTS),
        lambda: store.size(KEY),
        lambda: list(store.list("pieces/")),
    ):
        stub.requests.clear()
        store.breaker = CircuitBreaker()
        with pytest.raises(StorageUnavailable, match="object store does not answer") as caught:
            attempt()
        assert len(stub.requests) == 4
        assert caught.value.__suppress_context__
    assert store.delete([KEY]) == [KEY]


def test_an_object_that_was_created_although_the_store_said_no_is_written(store, stub):
    def fail_after_the_first_write(handler):
        if handler.command == "PUT" and not stub.objects:
            stub.objects[handler.key] = handler.body
            return handler.refuse(503, "SlowDown")
        return False

    stub.intercept = fail_after_the_first_write
    assert write(store, b"bytes") == 5
    assert list(stub.objects.values()) == [b"bytes"]


def test_five_requests_that_fail_keep_the_next_from_the_store(hasty_store, stub):
    write(hasty_store, DATA)
    stub.intercept = lambda handler: handler.refuse(500, "InternalError")
    stub.requests.clear()
    for _ in range(8):
        with pytest.raises(StorageUnavailable):
            read(hasty_store, 0, 1)
    assert (len(stub.requests), hasty_store.breaker.is_open, hasty_store.breaker.errors) == (5, True, 5)


@pytest.mark.parametrize(
    ("status", "code"), [(507, "Anything"), (400, "QuotaExceeded"), (500, "XMinioStorageFull")]
)
def test_a_store_without_room_is_full(hasty_store, stub, status, code):
    stub.intercept = lambda handler: handler.refuse(status, code)
    with pytest.raises(StorageFull):
        write(hasty_store, b"bytes")
    assert not hasty_store.breaker.is_open


def test_a_part_that_fails_ends_the_upload_and_leaves_no_parts(hasty_store, stub):
    stub.intercept = lambda handler: (
        handler.query.get("partNumber") == "2" and handler.refuse(500, "InternalError")
    )
    with pytest.raises(StorageUnavailable):
        write(hasty_store, PARTS)
    assert (stub.objects, stub.parts) == ({}, {})


def break_off(data):
    async def body():
        async for chunk in give(data):
            yield chunk
        raise ConnectionError("gone")

    return body()


def test_s13_a_body_that_breaks_off_leaves_no_parts(hasty_store, stub):
    with pytest.raises(ConnectionError):
        asyncio.run(hasty_store.write(KEY, break_off(PARTS), hashlib.sha256()))
    assert (stub.objects, stub.parts, hasty_store.failed_aborts) == ({}, {}, 0)
    assert stub.list_methods().count("DELETE") == 1


def test_s13_an_abort_that_the_store_refuses_is_counted(hasty_store, stub):
    stub.intercept = lambda handler: handler.command == "DELETE" and handler.refuse(500, "InternalError")
    with pytest.raises(ConnectionError):
        asyncio.run(hasty_store.write(KEY, break_off(PARTS), hashlib.sha256()))
    assert (len(stub.parts), hasty_store.failed_aborts) == (1, 1)


@pytest.mark.parametrize("is_refused", [False, True])
def test_s13_a_body_that_is_cancelled_while_it_waits_for_the_client_leaves_no_parts(
    hasty_store, stub, is_refused
):
    async def main():
        is_silent = asyncio.Event()

        async def body():
            yield PARTS
            is_silent.set()
            await asyncio.Event().wait()

        writing = asyncio.ensure_future(hasty_store.write(KEY, body(), hashlib.sha256()))
        await is_silent.wait()
        writing.cancel()
        await asyncio.wait([writing])
        return writing.cancelled()

    stub.intercept = lambda handler: (
        is_refused and handler.command == "DELETE" and handler.refuse(500, "InternalError")
    )
    assert asyncio.run(main())
    assert (stub.objects, len(stub.parts), hasty_store.failed_aborts) == ({}, is_refused, is_refused)


@pytest.mark.parametrize("data", [DATA, PARTS], ids=["one", "parts"])
def test_a_write_that_is_cancelled_while_the_store_answers_leaves_no_object(store, stub, data):
    is_asked, may_answer = threading.Event(), threading.Event()

    def intercept(handler):
        # The request that makes the object.
        if (handler.command == "PUT" and "uploadId" not in handler.query) or (
            "uploadId" in handler.query and (handler.command == "POST")
        ):
            is_asked.set()
            may_answer.wait(60)
        return False

    async def main():
        writing = asyncio.ensure_future(store.write(KEY, give(data), hashlib.sha256()))
        await asyncio.to_thread(is_asked.wait, 60)
        writing.cancel()
        may_answer.set()
        await asyncio.wait([writing])
        return writing.cancelled()

    stub.intercept = intercept
    assert asyncio.run(main())
    assert (stub.objects, stub.parts) == ({}, {})


def test_z08_a_bounded_number_of_bodies_is_received_at_a_time(hasty_store, stub):
    begun = 0

    async def main():
        nonlocal begun
        is_over = asyncio.Event()

        async def body():
            nonlocal begun
            begun += 1
            yield b"bytes"
            await is_over.wait()

        writing = [
            asyncio.ensure_future(hasty_store.write(f"pieces/ab/{number}", body(), hashlib.sha256()))
            for number in range(70)
        ]
        for _ in range(100):
            await asyncio.sleep(0)
        before = begun
        is_over.set()
        await asyncio.gather(*writing)
        return before

    assert asyncio.run(main()) == 64
    assert (begun, len(stub.objects)) == (70, 70)


def test_one_reader_alone_gets_large_blocks_and_many_small_ones(store):
    write(store, DATA)

    async def main():
        alone = [len(block) async for block in store.read(KEY, 0, len(DATA))]
        readers = [store.read(KEY, 0, len(DATA)) for _ in range(64)]
        for reader in readers:
            await anext(reader)
        late = store.read(KEY, 0, len(DATA))
        together = len(await anext(late))
        for reader in (*readers, late):
            await reader.aclose()
        return alone, together

    alone, together = asyncio.run(main())
    assert (max(alone), sum(alone)) == (256 * 1024, len(DATA))
    assert together <= 16 * 1024


def test_a_link_is_signed_for_get_alone_and_names_the_public_endpoint(stub, set_environ):
    set_environ(AWS_ACCESS_KEY_ID="id", AWS_SECRET_ACCESS_KEY="secret")
    store = open_store("s3://bucket/f", endpoint=stub.url, public_endpoint="https://images.example.com")
    link = asyncio.run(store.link(KEY, 60))
    assert link.startswith(f"https://images.example.com/bucket/f/{KEY}?X-Amz-Algorithm=")
    assert "&X-Amz-Expires=60&" in link
    assert "secret" not in link


def test_failures_are_metrics(hasty_store, stub):
    stub.intercept = lambda handler: handler.refuse(500, "InternalError")
    hasty_store.delete([KEY, OTHER, "pieces/ef/three", "pieces/ef/four", "pieces/ef/five"])
    with pytest.raises(StorageUnavailable):
        hasty_store.size(KEY)
    assert hasty_store.measure() == {
        "gcr_emulator_object_store_refusing": True,
        "gcr_emulator_object_store_errors_total": 5,
        "gcr_emulator_object_store_failed_deletions_total": 5,
        "gcr_emulator_object_store_failed_aborts_total": 0,
    }
