"""T15, T16: answers of a hostile upstream: wrong, cut, endless, slow, huge, compressed and repeated ones."""

import asyncio
import gzip
import hashlib
import json
import tracemalloc

import pytest
from support.servers.scripted_upstream import (
    Asked,
    Reply,
    ScriptedUpstream,
    answer,
    break_off,
    challenge,
    cut,
    give_manifest,
    give_part,
    give_token,
    hang,
    make_image,
    send_slowly,
)
from support.upstream_clients import NAME, collect, find_secret, play

from docker_credential_gcr.emulator.oci import media_types
from docker_credential_gcr.emulator.settings import Limits
from docker_credential_gcr.emulator.upstream.blobs import verify
from docker_credential_gcr.emulator.upstream.client import UpstreamClient
from docker_credential_gcr.emulator.upstream.errors import (
    UpstreamCut,
    UpstreamDenied,
    UpstreamError,
    UpstreamMismatch,
    UpstreamTimeout,
)

IMAGE = make_image(bytes(range(256)) * 1024)
OTHER = make_image(b"another layer")
LAYER = IMAGE.layer
MANIFEST = f"/v2/{NAME}/manifests/latest"
BLOB = f"/v2/{NAME}/blobs/{IMAGE.layer_digest}"
LENGTH = len(LAYER)


async def read(client: UpstreamClient, *, size: int | None = None) -> bytes:
    """Returns what a reader gets of the blob: never a whole wrong one."""
    stream = await client.open_blob(NAME, IMAGE.layer_digest, size=size)
    got = bytearray()
    try:
        async for chunk in verify(stream, BLOB, IMAGE.layer_digest, hashlib.sha256()):
            got += chunk
            assert len(got) < LENGTH or bytes(got) == LAYER
    finally:
        stream.close()
    return bytes(got)


def give_endless(head: bytes, piece: bytes) -> Reply:
    async def reply(_asked: Asked, writer: asyncio.StreamWriter) -> None:
        writer.write(head)
        while True:
            writer.write(piece)
            await writer.drain()

    return reply


CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Type: %s\r\n\r\n"
CHUNK = b"10000\r\n" + b" " * 0x10000 + b"\r\n"
JSON = CHUNKED % b"application/json"
MANIFEST_HEAD = CHUNKED % media_types.OCI_MANIFEST.encode()

BLOBS: dict[str, tuple[Reply, type[UpstreamError]]] = {
    "wrong bytes": (answer(200, LAYER[::-1]), UpstreamMismatch),
    "another blob": (answer(200, OTHER.layer), UpstreamMismatch),
    "empty": (answer(200), UpstreamMismatch),
    "one byte more": (answer(200, LAYER + b"x"), UpstreamMismatch),
    "Content-Length too short": (
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\n" + LAYER,
        UpstreamMismatch,
    ),
    "Content-Length too long": (
        b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (LENGTH + 1, LAYER),
        UpstreamCut,
    ),
    "Content-Length not a number": (b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n", UpstreamMismatch),
    "two lengths": (
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nabcdef",
        UpstreamMismatch,
    ),
    "truncated each time": (cut(answer(200, LAYER), 1000), UpstreamCut),
    "truncated chunks": (CHUNKED % b"x" + b"400\r\n" + LAYER[:1000], UpstreamCut),
    "not HTTP": (b"SSH-2.0-OpenSSH_9.2\r\n\r\n", UpstreamMismatch),
    "huge header": (b"HTTP/1.1 200 OK\r\nX: " + b"a" * 300_000 + b"\r\n\r\n", UpstreamMismatch),
    "many headers": (b"HTTP/1.1 200 OK\r\n" + b"X: a\r\n" * 50_000 + b"\r\n", UpstreamMismatch),
    "endless": (give_endless(CHUNKED % b"x", CHUNK), UpstreamMismatch),
    "endless header": (give_endless(b"HTTP/1.1 200 OK\r\nX: ", b"a" * 65536), UpstreamMismatch),
    "silent": (hang, UpstreamTimeout),
    "silent within": (send_slowly([cut(answer(200, LAYER), 1000), b""], 30), UpstreamTimeout),
    "slow": (send_slowly([cut(answer(200, LAYER), 1), *[b"a"] * 2000], 0.05), UpstreamTimeout),
}


@pytest.mark.parametrize("case", BLOBS)
def test_t16_no_reader_gets_a_whole_wrong_blob(case: str) -> None:
    reply, error = BLOBS[case]

    async def scenario(server: ScriptedUpstream, client: UpstreamClient) -> None:
        server.script(BLOB, reply)
        with pytest.raises(error):
            await read(client)

    # A busy machine may be silent too: a short limit is for those cases that wait for it.
    play(scenario, max_blob=2 * LENGTH, silence_s=0.3 if error is UpstreamTimeout else 60)


def test_t16_a_size_that_differs_from_the_manifests_is_refused_before_the_first_byte() -> None:
    async def scenario(server: ScriptedUpstream, client: UpstreamClient) -> None:
        server.script(BLOB, answer(200, LAYER))
        for size in (LENGTH - 1, LENGTH + 1):
            with pytest.raises(UpstreamMismatch, match=f"the blob has {LENGTH} bytes instead of {size}"):
                await client.open_blob(NAME, IMAGE.layer_digest, size=size)
        assert await read(client, size=LENGTH) == LAYER

    play(scenario)


ZEROS = gzip.compress(b" " * 50_000_000)
MANIFESTS: dict[str, tuple[Reply, type[UpstreamError]]] = {
    "truncated": (cut(give_manifest(IMAGE), 20), UpstreamCut),
    "wrong digest": (give_manifest(IMAGE, Docker_Content_Digest=OTHER.digest), UpstreamMismatch),
    "invalid digest": (give_manifest(IMAGE, Docker_Content_Digest="sha256:../../x"), UpstreamMismatch),
    "another type": (give_manifest(IMAGE, Content_Type=media_types.DOCKER_MANIFEST), UpstreamMismatch),
    "HTML": (answer(200, b"<html>", Content_Type="text/html"), UpstreamMismatch),
    "no type": (answer(200, b"{}"), UpstreamMismatch),
    "Docker's schema 1": (
        answer(200, b"{}", Content_Type="application/vnd.docker.distribution.manifest.v1+prettyjws"),
        UpstreamMismatch,
    ),
    "both manifest and index": (
        answer(
            200,
            IMAGE.manifest[:-1] + b',"manifests":[]}',
            Content_Type=media_types.OCI_MANIFEST,
        ),
        UpstreamMismatch,
    ),
    "a key twice": (
        answer(200, IMAGE.manifest[:-1] + b',"layers":[]}', Content_Type=media_types.OCI_MANIFEST),
        UpstreamMismatch,
    ),
    "deep": (answer(200, b"[" * 100_000, Content_Type=media_types.OCI_MANIFEST), UpstreamMismatch),
    "too large": (
        b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\nContent-Type: x\r\n\r\n" + b" " * 5_000_000,
        UpstreamMismatch,
    ),
    "endless": (give_endless(MANIFEST_HEAD, CHUNK), UpstreamMismatch),
    "interim answers alone": (
        send_slowly([b"HTTP/1.1 100 Continue\r\n\r\n" * 100] * 40, 0.05),
        UpstreamTimeout,
    ),
    "slow": (send_slowly([MANIFEST_HEAD, *[b"1\r\n \r\n"] * 2000], 0.01), UpstreamTimeout),
    "silent": (hang, UpstreamTimeout),
    "gzip bomb": (
        answer(200, ZEROS, Content_Encoding="gzip", Content_Type=media_types.OCI_MANIFEST),
        UpstreamMismatch,
    ),
    "compressed by name only": (give_manifest(IMAGE, Content_Encoding="br"), UpstreamMismatch),
    "gzip bomb without a name": (answer(200, ZEROS, Content_Type=media_types.OCI_MANIFEST), UpstreamMismatch),
}


@pytest.mark.parametrize("case", MANIFESTS)
def test_t15_a_manifest_that_is_none_is_refused_within_its_limits(case: str) -> None:
    reply, error = MANIFESTS[case]

    async def scenario(server: ScriptedUpstream, client: UpstreamClient) -> None:
        server.script(MANIFEST, reply)
        with pytest.raises(error):
            await client.get_manifest(NAME, "latest", limit_s=1 if error is UpstreamTimeout else 60)

    tracemalloc.start()
    play(scenario, limits=Limits(manifest_size=4 * 1024 * 1024))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 32 * 1024 * 1024


def test_m12_a_manifest_by_digest_must_have_that_digest() -> None:
    path = f"/v2/{NAME}/manifests/{IMAGE.digest}"

    async def scenario(server: ScriptedUpstream, client: UpstreamClient) -> None:
        server.script(path, give_manifest(OTHER), give_manifest(OTHER, Docker_Content_Digest=IMAGE.digest))
        for _ in range(2):
            with pytest.raises(UpstreamMismatch):
                await client.get_manifest(NAME, IMAGE.digest)
        server.script(path, give_manifest(OTHER))
        with pytest.raises(UpstreamMismatch, match=OTHER.digest):
            await client.head_manifest(NAME, IMAGE.digest)

    play(scenario)


TOKENS: dict[str, Reply] = {
    "endless JSON": give_endless(JSON, CHUNK),
    "large": answer(200, json.dumps({"token": "a" * 60_000}).encode()),
    "not JSON": answer(200, b"<html>"),
    "a list": answer(200, b"[]"),
    "no token": answer(200, b"{}"),
    "a number": answer(200, b'{"token": 5}'),
    "a header more": answer(200, b'{"token": "a\\r\\nX-Injected: b"}'),
    "not ASCII": answer(200, '{"token": "\u00e4"}'.encode()),
    "deep": answer(200, b"[" * 60_000),
    "compressed": answer(200, gzip.compress(b'{"token": "a"}'), Content_Encoding="gzip"),
    "huge header": b"HTTP/1.1 200 OK\r\nX: " + b"a" * 300_000 + b"\r\n\r\n",
}


@pytest.mark.parametrize("case", TOKENS)
def test_t16_an_answer_without_a_token_is_refused(case: str) -> None:
    async def scenario(server: ScriptedUpstream, client: UpstreamClient) -> None:
        server.script(MANIFEST, challenge(f"{server.url}/token"))
        server.script("/token", TOKENS[case])
        with pytest.raises(UpstreamMismatch):
            await client.get_manifest(NAME, "latest")
        assert len(server.list_asked(MANIFEST)) == 1

    play(scenario)


@pytest.mark.parametrize(
    "form",
    [
        "Bearer",
        "Basic",
        'Bearer realm="',
        "Negotiate",
        "Bearer " + 'a="' * 20_000,
        ", , ,",
        'Digest realm="x", nonce="y"',
    ],
)
def test_t15_loops_of_401_end_after_one_repetition(form: str) -> None:
    async def scenario(server: ScriptedUpstream, client: UpstreamClient) -> None:
        text = f'Bearer realm="{server.url}/token"' if form == "Bearer" else form[:8000]
        server.script(MANIFEST, answer(401, WWW_Authenticate=text))
        server.script("/token", give_token())
        with pytest.raises(UpstreamDenied):
            await client.get_manifest(NAME, "latest")
        assert len(server.list_asked(MANIFEST)) <= 2
        assert len(server.list_asked("/token")) == (form == "Bearer")

    play(scenario, find_credentials=find_secret)


def test_t15_a_challenge_cannot_widen_a_token() -> None:
    async def scenario(server: ScriptedUpstream, client: UpstreamClient) -> None:
        scopes = f"repository:{NAME}:pull,push,delete registry:catalog:* aws"
        server.script(MANIFEST, challenge(f"{server.url}/token", scope=scopes), give_manifest(IMAGE))
        server.script("/token", give_token())
        await client.get_manifest(NAME, "latest")
        (asked,) = server.list_asked("/token")
        assert asked.query == f"scope=repository:{NAME}:pull&scope=registry:catalog:%2A&scope=aws"

    play(scenario)


@pytest.mark.parametrize(
    "part",
    [
        give_part(LAYER, 0),
        give_part(LAYER, 1001),
        give_part(LAYER, 1000, total=LENGTH + 1),
        answer(206, LAYER[1000:]),
        answer(206, LAYER[1000:], Content_Range="bytes 1000-x/y"),
        answer(206, LAYER[1000:], Content_Range=f"bytes */{LENGTH}"),
    ],
    ids=["from the beginning", "one byte later", "another size", "no range", "not numbers", "unsatisfied"],
)
def test_m8_a_part_that_begins_elsewhere_is_never_appended(part: bytes) -> None:
    async def scenario(server: ScriptedUpstream, client: UpstreamClient) -> None:
        first, is_read = break_off(answer(200, LAYER), 1000)
        server.script(BLOB, first, part)
        got = bytearray()
        stream = await client.open_blob(NAME, IMAGE.layer_digest)
        with pytest.raises(UpstreamMismatch):
            await collect(stream, got, until=(1000, is_read))
        assert got == LAYER[:1000]

    play(scenario)


def test_t16_names_and_references_cannot_change_the_path() -> None:
    async def scenario(server: ScriptedUpstream, client: UpstreamClient) -> None:
        for name, reference in (
            ("../x", "a"),
            ("a/../b", "a"),
            ("a", "../x"),
            ("a", "a?b"),
            ("a b", "a"),
            ("", "a"),
        ):
            with pytest.raises(ValueError, match="nvalid"):
                await client.get_manifest(name, reference)
        for digest in ("sha256:x", "latest", "sha256:" + "a" * 63 + "/"):
            with pytest.raises(ValueError, match="invalid digest"):
                await client.open_blob(NAME, digest)
        assert server.requests == []

    play(scenario)
