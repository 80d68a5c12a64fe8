"""Pieces: unique keys, the list in a database column, and spans over several pieces."""

import asyncio
import hashlib
from contextlib import aclosing

import pytest

from docker_credential_gcr.emulator.oci.ranges import Span
from docker_credential_gcr.emulator.storage.filesystem import FileStore
from docker_credential_gcr.emulator.storage.pieces import (
    are_whole,
    check_pieces,
    format_pieces,
    make_key,
    open_pieces,
    parse_key,
    parse_pieces,
    read_pieces,
)

from .fakes import MemoryStore

UPLOAD = "0f" * 16
CONTENTS = (b"first ", b"second ", b"third")
WHOLE = b"".join(CONTENTS)


async def give(*chunks):
    for chunk in chunks:
        yield chunk


def fill(store):
    keys = [make_key(UPLOAD, number) for number in range(1, 4)]
    for key, content in zip(keys, CONTENTS, strict=True):
        asyncio.run(store.write(key, give(content), hashlib.sha256()))
    return tuple((key, len(content)) for key, content in zip(keys, CONTENTS, strict=True))


def test_a_name_says_upload_and_request_and_is_new_each_time():
    keys = {make_key(UPLOAD, 12) for _ in range(100)}
    assert len(keys) == 100
    assert {parse_key(key) for key in keys} == {(UPLOAD, 12)}
    assert {key.split("/")[:2] == ["pieces", "0f"] for key in keys} == {True}


@pytest.mark.parametrize(
    "key",
    [
        "pieces/0f/one",
        f"pieces/ab/{UPLOAD}-1-0123456789abcdef",
        f"pieces/0f/{UPLOAD}-01-0123456789abcdef",
        f"buckets/0f/{UPLOAD}-1-0123456789abcdef",
        f"pieces/0f/{UPLOAD}-1-0123456789abcdef/x",
    ],
)
def test_another_name_is_not_a_pieces(key):
    assert parse_key(key) is None


def test_a_row_keeps_keys_and_sizes():
    pieces = (("pieces/ab/one", 7), ("buckets/b/x", 1))
    assert parse_pieces(format_pieces(pieces)) == pieces
    assert format_pieces(pieces) == '[["pieces/ab/one",7],["buckets/b/x",1]]'
    assert parse_pieces(None) == ()


@pytest.mark.parametrize(
    "text", ["x", "1", "[1]", '{"a": 1}', "[[1, 2]]", '[["a", "b"]]', '[["a", 0]]', '[["a", true]]']
)
def test_what_is_not_a_list_of_pieces_is_refused(text):
    with pytest.raises(ValueError, match=r"."):
        parse_pieces(text)


@pytest.mark.parametrize("make_store", [FileStore, lambda _: MemoryStore()], ids=["files", "memory"])
def test_every_span_over_pieces_is_those_bytes(tmp_path, make_store):
    store = make_store(tmp_path)
    pieces = fill(store)

    async def read(span):
        return b"".join([block async for block in read_pieces(store, pieces, span)])

    for start in range(len(WHOLE)):
        for stop in range(start + 1, len(WHOLE) + 1):
            assert asyncio.run(read(Span(start, stop))) == WHOLE[start:stop]


def test_an_object_that_is_missing_is_seen_before_an_answer_begins():
    store = MemoryStore()
    pieces = fill(store)

    async def read(span):
        return b"".join([block async for block in await open_pieces(store, pieces, span)])

    assert asyncio.run(read(Span(2, len(WHOLE)))) == WHOLE[2:]
    assert are_whole(store, pieces)
    store.delete([pieces[0][0]])
    assert not are_whole(store, pieces)
    with pytest.raises(OSError, match="missing"):
        asyncio.run(open_pieces(store, pieces, Span(0, 1)))


@pytest.mark.parametrize("count", range(3))
def test_an_answer_that_is_not_sent_to_its_end_leaves_no_object_open(count):
    class WatchedStore(MemoryStore):
        async def read(self, key, start, stop):
            opened.append(key)
            try:
                async with aclosing(super().read(key, start, stop)) as blocks:
                    async for block in blocks:
                        yield block
            finally:
                opened.remove(key)

    opened: list[str] = []
    store = WatchedStore()
    pieces = fill(store)

    async def run():
        blocks = await open_pieces(store, pieces, Span(0, len(WHOLE)))
        assert opened == [pieces[0][0]]
        assert [await anext(blocks) for _ in range(count)] == list(CONTENTS[:count])
        await blocks.aclose()
        assert opened == []

    asyncio.run(run())


@pytest.mark.parametrize("damage", ["gone", "short", "long"])
def test_a_file_that_is_not_as_long_as_it_was_is_seen_before_an_answer_begins(tmp_path, damage):
    store = FileStore(tmp_path)
    pieces = fill(store)
    assert are_whole(store, pieces)
    path = store.path(pieces[1][0])
    if damage == "gone":
        path.unlink()
    else:
        path.write_bytes(CONTENTS[1][:-1] if damage == "short" else CONTENTS[1] + b"!")
    assert not are_whole(store, pieces)
    check_pieces(store, pieces, Span(0, 1))
    with pytest.raises(OSError, match="No such file" if damage == "gone" else "has changed"):
        check_pieces(store, pieces, Span(len(CONTENTS[0]), len(WHOLE)))
