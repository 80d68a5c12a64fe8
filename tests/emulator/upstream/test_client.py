"""The client of an upstream: manifests, tokens, repetitions, and its breaker (M2, M3, M11, M12)."""

import asyncio
from typing import Any

import pytest
from support.servers.scripted_upstream import (
    ScriptedUpstream,
    answer,
    challenge,
    cut,
    give_manifest,
    give_token,
    hang,
    make_image,
    send_slowly,
)
from support.upstream_clients import NAME, SECRET, SetClock, find_secret, play

from docker_credential_gcr.emulator.oci import media_types
from docker_credential_gcr.emulator.upstream.client import UpstreamClient
from docker_credential_gcr.emulator.upstream.errors import (
    UpstreamBadStatus,
    UpstreamDenied,
    UpstreamError,
    UpstreamLimited,
    UpstreamMismatch,
    UpstreamNotFound,
    UpstreamTimeout,
    UpstreamUnreachable,
)
from docker_credential_gcr.emulator.upstream.limits import PullLimit
from docker_credential_gcr.emulator.upstream.manifests import ManifestHead
from docker_credential_gcr.emulator.upstream.registries import parse_upstream
from docker_credential_gcr.emulator.upstream.tokens import UpstreamCredentials

IMAGE = make_image()
MANIFEST = f"/v2/{NAME}/manifests/latest"
ALL_TYPES = (
    "application/vnd.oci.image.index.v1+json, application/vnd.oci.image.manifest.v1+json, "
    "application/vnd.docker.distribution.manifest.list.v2+json, "
    "application/vnd.docker.distribution.manifest.v2+json"
)
SIZE = len(IMAGE.manifest)


def test_m12_a_manifest_is_its_bytes_with_the_answers_type_and_the_bytes_digest() -> None:
    async def scenario(server: ScriptedUpstream, client: UpstreamClient) -> None:
        server.script(
            MANIFEST, give_manifest(IMAGE, Content_Type=f"{media_types.OCI_MANIFEST.title()}; charset=utf-8")
        )
        found = await client.get_manifest(NAME, "latest")
        assert found[:3] == (media_types.OCI_MANIFEST, IMAGE.manifest, IMAGE.digest)
        assert [layer.digest for layer in found.parsed.layers] == [IMAGE.layer_digest]
        assert [(asked.method, asked.headers["accept"]) for asked in server.requests] == [("GET", ALL_TYPES)]

    play(scenario)


@pytest.mark.parametrize("digest", [IMAGE.digest, None])
def test_a_head_tells_type_digest_and_size_and_may_lack_the_digest(digest: str | None) -> None:
    async def scenario(server: ScriptedUpstream, client: UpstreamClient) -> None:
        headers = {"Docker_Content_Digest": digest} if digest else {}
        server.script(MANIFEST, answer(200, IMAGE.manifest, Content_Type=media_types.OCI_MANIFEST, **headers))
        assert await client.head_manifest(NAME, "latest") == ManifestHead(
            media_types.OCI_MANIFEST, digest, SIZE
        )
        assert [(asked.method, asked.headers["accept"]) for asked in server.requests] == [("HEAD", ALL_TYPES)]

    play(scenario)


def test_a_sha512_reference_is_compared_by_sha512() -> None:
    image = make_image()
    from docker_credential_gcr.emulator.oci.digest import digest_bytes

    digest = digest_bytes(image.manifest, "sha512")

    async def scenario(server: ScriptedUpstream, client: UpstreamClient) -> None:
        server.script(f"/v2/{NAME}/manifests/{digest}", give_manifest(image, Docker_Content_Digest=digest))
        assert (await client.get_manifest(NAME, digest)).digest == digest

    play(scenario)


def test_the_path_of_an_upstream_begins_its_repositories_names() -> None:
    async def scenario(server: ScriptedUpstream, client: UpstreamClient) -> None:
        server.script(f"/v2/my-project/images/{NAME}/manifests/latest", give_manifest(IMAGE))
        assert (await client.get_manifest(NAME, "latest")).digest == IMAGE.digest

    play(scenario, make_upstream=lambda url: parse_upstream(f"{url}/my-project/images/"))


@pytest.mark.parametrize(
    ("status", "error", "requests"),
    [
        (404, UpstreamNotFound, 1),
        (403, UpstreamDenied, 1),
        (400, UpstreamBadStatus, 1),
        (500, UpstreamBadStatus, 3),
        (503, UpstreamBadStatus, 3),
        (429, UpstreamLimited, 1),
        (206, UpstreamBadStatus, 1),
        (304, UpstreamBadStatus, 1),
    ],
)
def test_statuses_are_errors_and_outages_are_tried_three_times(
    status: int, error: type[UpstreamError], requests: int
) -> None:
    async def scenario(server: ScriptedUpstream, client: UpstreamClient) -> None:
        server.script(MANIFEST, answer(status))
        with pytest.raises(error) as raised:
            await client.get_manifest(NAME, "latest")
        assert (type(raised.value), raised.value.url) == (error, f"{server.url}{MANIFEST}")
        assert getattr(raised.value, "status", status) == status
        assert len(server.requests) == requests

    play(scenario)


@pytest.mark.parametrize(
    "trouble", [answer(502), cut(give_manifest(IMAGE), 5), b"", answer(503, Retry_After="0")]
)
def test_a_request_goes_on_after_a_short_trouble(trouble: bytes) -> None:
    async def scenario(server: ScriptedUpstream, client: UpstreamClient) -> None:
        server.script(MANIFEST, trouble, trouble, give_manifest(IMAGE))
        assert (await client.get_manifest(NAME, "latest")).digest == IMAGE.digest
        assert client.breaker.take_recheck()

    play(scenario)


def test_m2_a_black_hole_costs_the_limit_once_and_the_breaker_then_bars_checks() -> None:
    clock = SetClock()

    async def scenario(server: ScriptedUpstream, client: UpstreamClient) -> None:
        server.script(MANIFEST, hang)
        with pytest.raises(UpstreamTimeout) as raised:
            await client.head_manifest(NAME, "latest", limit_s=0.2)
        assert raised.value.is_connected
        assert not client.breaker.take_recheck()
        clock.now_s += 5
        assert [client.breaker.take_recheck() for _ in range(2)] == [True, False]
        # What has no copy is asked for all the same, and an answer ends the outage.
        server.script(MANIFEST, give_manifest(IMAGE))
        await client.get_manifest(NAME, "latest")
        assert [client.breaker.take_recheck() for _ in range(2)] == [True, True]

    play(scenario, now=clock.now)


def test_an_upstream_that_does_not_listen_is_unreachable() -> None:
    async def scenario(server: ScriptedUpstream, client: UpstreamClient) -> None:
        server._server.close()
        await server._server.wait_closed()
        with pytest.raises(UpstreamUnreachable, match="cannot connect"):
            await client.get_manifest(NAME, "latest")
        assert not client.breaker.take_recheck()

    play(scenario)


def test_an_unknown_host_is_unreachable() -> None:
    from docker_credential_gcr.emulator.outgoing.errors import OutgoingFailed

    async def find_none(host: str, _port: int) -> list[str]:
        raise OutgoingFailed(f"the host {host} is unknown")

    async def scenario(_server: ScriptedUpstream, client: UpstreamClient) -> None:
        with pytest.raises(UpstreamUnreachable, match=r"the host registry\.test is unknown"):
            await client.get_manifest(NAME, "latest")

    play(scenario, resolve=find_none, make_upstream=lambda _url: parse_upstream("http://registry.test/"))


@pytest.mark.parametrize(("header", "seconds"), [({"Retry_After": "120"}, 120), ({}, 60)])
def test_m3_a_429_pauses_every_request_until_retry_after(header: dict[str, str], seconds: float) -> None:
    clock = SetClock()

    async def scenario(server: ScriptedUpstream, client: UpstreamClient) -> None:
        server.script(MANIFEST, answer(429, **header), give_manifest(IMAGE))
        for waited_s in (0, 10):
            clock.now_s = 1000.0 + waited_s
            with pytest.raises(UpstreamLimited) as raised:
                await client.get_manifest(NAME, "latest")
            assert raised.value.retry_after_s == seconds - waited_s
            assert not client.breaker.take_recheck()
        assert len(server.requests) == 1
        clock.now_s = 1000.0 + seconds
        assert client.breaker.take_recheck()
        await client.get_manifest(NAME, "latest")

    play(scenario, now=clock.now)


def test_a_short_retry_after_is_waited_for() -> None:
    async def scenario(server: ScriptedUpstream, client: UpstreamClient) -> None:
        server.script(MANIFEST, answer(429, Retry_After="0"), give_manifest(IMAGE))
        assert (await client.get_manifest(NAME, "latest")).digest == IMAGE.digest

    play(scenario)


def test_the_upstreams_limit_of_pulls_is_kept() -> None:
    async def scenario(server: ScriptedUpstream, client: UpstreamClient) -> None:
        assert client.pull_limit is None
        headers = {"ratelimit_limit": "100;w=3600", "RateLimit_Remaining": "97;w=3600"}
        server.script(MANIFEST, give_manifest(IMAGE, **headers), answer(404))
        await client.head_manifest(NAME, "latest")
        with pytest.raises(UpstreamNotFound):
            await client.head_manifest(NAME, "latest")
        assert client.pull_limit == PullLimit(100, 97, 3600)

    play(scenario)


class TokenServer:
    """Scripts an upstream that wants a token for the manifest."""

    def __init__(self, server: ScriptedUpstream, *tokens: bytes) -> None:
        self.server = server
        asks = challenge(f"{server.url}/token", service="registry", scope=f"repository:{NAME}:pull")
        server.script(MANIFEST, asks, give_manifest(IMAGE))
        server.script("/token", *tokens)

    def list_sent(self, path: str) -> list[str | None]:
        return [asked.headers.get("authorization") for asked in self.server.list_asked(path)]


@pytest.mark.parametrize("credentials", [SECRET, None])
def test_the_challenge_is_answered_and_its_token_kept(credentials: UpstreamCredentials | None) -> None:
    """Check 47: credentials are sent as Basic to the realm only."""
    clock = SetClock()

    async def find() -> UpstreamCredentials | None:
        return credentials

    async def scenario(server: ScriptedUpstream, client: UpstreamClient) -> None:
        tokens = TokenServer(server, give_token("t-1", expires_in=300), give_token("t-2"))
        for _ in range(3):
            await client.get_manifest(NAME, "latest")
        assert tokens.list_sent(MANIFEST) == [None, "Bearer t-1", "Bearer t-1", "Bearer t-1"]
        assert tokens.list_sent("/token") == [credentials.format_basic() if credentials else None]
        assert server.list_asked("/token")[0].query == f"service=registry&scope=repository:{NAME}:pull"
        # A token is not sent in its last tenth.
        clock.now_s += 270
        server.script(MANIFEST, challenge(f"{server.url}/token"), give_manifest(IMAGE))
        await client.get_manifest(NAME, "latest")
        assert tokens.list_sent(MANIFEST)[4:] == [None, "Bearer t-2"]

    play(scenario, find_credentials=find, now=clock.now)


def test_m11_a_refused_token_is_replaced_once_and_the_request_replayed() -> None:
    async def scenario(server: ScriptedUpstream, client: UpstreamClient) -> None:
        tokens = TokenServer(server, give_token("t-1"), give_token("t-2"))
        await client.get_manifest(NAME, "latest")
        server.script(MANIFEST, challenge(f"{server.url}/token"), give_manifest(IMAGE))
        await client.get_manifest(NAME, "latest")
        assert tokens.list_sent(MANIFEST) == [None, "Bearer t-1", "Bearer t-1", "Bearer t-2"]

    play(scenario)


def test_m11_changed_credentials_count_from_the_next_request() -> None:
    current = SECRET

    async def find() -> UpstreamCredentials | None:
        return current

    async def scenario(server: ScriptedUpstream, client: UpstreamClient) -> None:
        nonlocal current
        tokens = TokenServer(server, give_token("t-1"), give_token("t-2"))
        await client.get_manifest(NAME, "latest")
        current = UpstreamCredentials("someone", "corrected", "2")
        server.script(MANIFEST, challenge(f"{server.url}/token"), give_manifest(IMAGE))
        await client.get_manifest(NAME, "latest")
        assert tokens.list_sent("/token") == [SECRET.format_basic(), current.format_basic()]
        assert tokens.list_sent(MANIFEST) == [None, "Bearer t-1", None, "Bearer t-2"]

    play(scenario, find_credentials=find)


def test_one_token_serves_all_that_wait_for_it() -> None:
    blob = f"/v2/{NAME}/blobs/{IMAGE.layer_digest}"

    async def read(client: UpstreamClient) -> bytes:
        return b"".join([chunk async for chunk in await client.open_blob(NAME, IMAGE.layer_digest)])

    async def scenario(server: ScriptedUpstream, client: UpstreamClient) -> None:
        server.script("/token", give_token("t-1"), answer(500))

        async def reply(asked: Any, writer: asyncio.StreamWriter) -> None:
            is_known = asked.headers.get("authorization") == "Bearer t-1"
            writer.write(answer(200, IMAGE.layer) if is_known else challenge(f"{server.url}/token"))

        server.script(blob, reply)
        assert await asyncio.gather(*(read(client) for _ in range(20))) == [IMAGE.layer] * 20
        assert len(server.list_asked("/token")) == 1

    play(scenario, find_credentials=find_secret)


def test_basic_is_sent_to_the_upstream_that_asks_for_it() -> None:
    async def scenario(server: ScriptedUpstream, client: UpstreamClient) -> None:
        server.script(MANIFEST, answer(401, WWW_Authenticate='Basic realm="Registry"'), give_manifest(IMAGE))
        for _ in range(2):
            await client.get_manifest(NAME, "latest")
        assert [asked.headers.get("authorization") for asked in server.requests] == [
            None,
            SECRET.format_basic(),
            SECRET.format_basic(),
        ]

    play(scenario, find_credentials=find_secret)


def test_basic_without_credentials_is_denied() -> None:
    async def scenario(server: ScriptedUpstream, client: UpstreamClient) -> None:
        server.script(MANIFEST, answer(401, WWW_Authenticate='Basic realm="Registry"'))
        with pytest.raises(UpstreamDenied, match="wants a user name and a password"):
            await client.get_manifest(NAME, "latest")

    play(scenario)


@pytest.mark.parametrize(
    ("status", "error"), [(401, UpstreamDenied), (429, UpstreamLimited), (404, UpstreamNotFound)]
)
def test_trouble_at_the_token_host_is_the_requests_trouble(status: int, error: type[UpstreamError]) -> None:
    async def scenario(server: ScriptedUpstream, client: UpstreamClient) -> None:
        TokenServer(server, answer(status))
        with pytest.raises(error):
            await client.get_manifest(NAME, "latest")

    play(scenario)


def test_a_manifest_that_stops_within_is_silent() -> None:
    async def scenario(server: ScriptedUpstream, client: UpstreamClient) -> None:
        server.script(MANIFEST, send_slowly([cut(give_manifest(IMAGE), 10), b""], 30))
        with pytest.raises(UpstreamTimeout):
            await client.get_manifest(NAME, "latest")

    play(scenario, silence_s=0.1)


def test_the_limit_covers_the_token_host() -> None:
    async def scenario(server: ScriptedUpstream, client: UpstreamClient) -> None:
        server.script(MANIFEST, challenge(f"{server.url}/token"))
        server.script("/token", hang)
        with pytest.raises(UpstreamTimeout):
            await client.head_manifest(NAME, "latest", limit_s=0.2)

    play(scenario)


def test_a_mismatch_is_no_outage() -> None:
    async def scenario(server: ScriptedUpstream, client: UpstreamClient) -> None:
        server.script(MANIFEST, answer(200, b"{}", Content_Type="text/html"))
        with pytest.raises(UpstreamMismatch):
            await client.get_manifest(NAME, "latest")
        assert client.breaker.take_recheck()
        assert len(server.requests) == 1

    play(scenario)


def test_every_error_has_a_text_without_the_query() -> None:
    for error in (UpstreamNotFound("u"), UpstreamLimited("u", 1.2), UpstreamTimeout("u", is_connected=False)):
        assert str(error).startswith("u: ")
