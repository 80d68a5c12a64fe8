"""Blobs of an upstream: whole ones, from an offset on, and after the connection broke (M1, M8)."""

import hashlib

import pytest
from support.servers.scripted_upstream import (
    Asked,
    ScriptedUpstream,
    answer,
    break_off,
    cut,
    give_part,
    make_image,
    redirect,
)
from support.upstream_clients import NAME, collect, play

from docker_credential_gcr.emulator.upstream.blobs import verify
from docker_credential_gcr.emulator.upstream.client import UpstreamClient
from docker_credential_gcr.emulator.upstream.errors import UpstreamCut, UpstreamError, UpstreamMismatch

IMAGE = make_image(bytes(range(256)) * 4096)
LAYER = IMAGE.layer
BLOB = f"/v2/{NAME}/blobs/{IMAGE.layer_digest}"


async def read(client: UpstreamClient, offset: int = 0) -> bytes:
    stream = await client.open_blob(NAME, IMAGE.layer_digest, offset)
    assert stream.size == len(LAYER)
    return b"".join([chunk async for chunk in stream])


def list_ranges(asked: list[Asked]) -> list[str | None]:
    return [request.headers.get("range") for request in asked]


def test_a_blob_is_streamed_whole() -> None:
    async def scenario(server: ScriptedUpstream, client: UpstreamClient) -> None:
        server.script(BLOB, answer(200, LAYER))
        assert await read(client) == LAYER
        assert list_ranges(server.requests) == [None]

    play(scenario)


def test_a_blob_without_a_length_is_streamed_to_its_end() -> None:
    chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabcde\r\n0\r\n\r\n"

    async def scenario(server: ScriptedUpstream, client: UpstreamClient) -> None:
        server.script(BLOB, chunked)
        stream = await client.open_blob(NAME, IMAGE.layer_digest)
        assert [chunk async for chunk in stream] == [b"abcde"]
        assert stream.size is None

    play(scenario)


def test_an_encoding_is_not_undone() -> None:
    async def scenario(server: ScriptedUpstream, client: UpstreamClient) -> None:
        server.script(BLOB, answer(200, LAYER, Content_Encoding="gzip"))
        assert await read(client) == LAYER

    play(scenario)


@pytest.mark.parametrize("is_ranged", [True, False])
def test_m8_an_offset_is_kept_whether_the_upstream_knows_ranges_or_not(is_ranged: bool) -> None:
    async def scenario(server: ScriptedUpstream, client: UpstreamClient) -> None:
        server.script(BLOB, give_part(LAYER, 1000) if is_ranged else answer(200, LAYER))
        assert await read(client, 1000) == LAYER[1000:]
        assert list_ranges(server.requests) == ["bytes=1000-"]

    play(scenario)


@pytest.mark.parametrize("is_ranged", [True, False])
def test_m1_m8_a_broken_body_goes_on_where_it_broke(is_ranged: bool) -> None:
    async def scenario(server: ScriptedUpstream, client: UpstreamClient) -> None:
        first, is_read = break_off(answer(200, LAYER), 1000)
        server.script(BLOB, first, give_part(LAYER, 1000) if is_ranged else answer(200, LAYER))
        got = bytearray()
        await collect(await client.open_blob(NAME, IMAGE.layer_digest), got, until=(1000, is_read))
        assert got == LAYER
        assert list_ranges(server.requests) == [None, "bytes=1000-"]

    play(scenario)


def test_m8_a_resumption_follows_the_redirect_again() -> None:
    """A signed URL may have expired."""

    async def scenario(server: ScriptedUpstream, client: UpstreamClient) -> None:
        first, is_read = break_off(answer(200, LAYER), 1000)
        server.script(BLOB, redirect("/a"), redirect("/b"))
        server.script("/a", first)
        server.script("/b", give_part(LAYER, 1000))
        got = bytearray()
        await collect(await client.open_blob(NAME, IMAGE.layer_digest), got, until=(1000, is_read))
        assert got == LAYER
        assert list_ranges(server.list_asked("/b")) == ["bytes=1000-"]

    play(scenario)


def test_a_shorter_part_than_asked_for_is_followed_by_the_rest() -> None:
    async def scenario(server: ScriptedUpstream, client: UpstreamClient) -> None:
        server.script(BLOB, give_part(LAYER, 1000, 3000), give_part(LAYER, 3000))
        assert await read(client, 1000) == LAYER[1000:]
        assert list_ranges(server.requests) == ["bytes=1000-", "bytes=3000-"]

    play(scenario)


def test_an_upstream_that_breaks_off_each_time_is_asked_five_times() -> None:
    async def scenario(server: ScriptedUpstream, client: UpstreamClient) -> None:
        server.script(BLOB, cut(answer(200, LAYER), 0))
        with pytest.raises(UpstreamCut):
            await read(client)
        assert len(server.requests) == 5
        assert not client.breaker.take_recheck()

    play(scenario)


def test_an_upstream_that_lost_the_blob_meanwhile_ends_the_stream() -> None:
    async def scenario(server: ScriptedUpstream, client: UpstreamClient) -> None:
        server.script(BLOB, cut(answer(200, LAYER), 0), answer(404))
        with pytest.raises(UpstreamError, match="does not have it"):
            await read(client)

    play(scenario)


def test_a_closed_stream_ends_and_frees_its_connection() -> None:
    async def scenario(server: ScriptedUpstream, client: UpstreamClient) -> None:
        server.script(BLOB, answer(200, LAYER))
        stream = await client.open_blob(NAME, IMAGE.layer_digest)
        stream.close()
        assert [chunk async for chunk in stream] == []

    play(scenario)


def test_t16_the_last_chunk_comes_once_the_digest_is_right() -> None:
    async def scenario(server: ScriptedUpstream, client: UpstreamClient) -> None:
        server.script(BLOB, answer(200, LAYER))
        stream = await client.open_blob(NAME, IMAGE.layer_digest, 1000)
        hasher = hashlib.sha256(LAYER[:1000])
        assert b"".join([c async for c in verify(stream, BLOB, IMAGE.layer_digest, hasher)]) == LAYER[1000:]
        stream = await client.open_blob(NAME, IMAGE.layer_digest)
        got = bytearray()
        with pytest.raises(UpstreamMismatch, match="the digest of the bytes is"):
            await collect(verify(stream, BLOB, IMAGE.layer_digest, hashlib.sha256(b"x")), got)
        assert len(got) < len(LAYER)

    play(scenario)
