"""T15, T16: where a hostile upstream tries to lead the client, and who gets credentials."""

import asyncio
from collections.abc import Sequence
from pathlib import Path

import pytest
from support.keys import save_certificate
from support.servers.scripted_upstream import (
    Asked,
    ScriptedUpstream,
    answer,
    challenge,
    give_manifest,
    give_token,
    make_image,
    redirect,
)
from support.upstream_clients import NAME, SECRET, find_loopback, find_secret, play

from docker_credential_gcr.emulator.outgoing.rule import OutgoingRule
from docker_credential_gcr.emulator.outgoing.target import Target
from docker_credential_gcr.emulator.upstream.challenge import Challenge
from docker_credential_gcr.emulator.upstream.client import UpstreamClient
from docker_credential_gcr.emulator.upstream.connections import UpstreamResponse
from docker_credential_gcr.emulator.upstream.errors import (
    UpstreamBadRedirect,
    UpstreamDenied,
    UpstreamError,
    UpstreamForbidden,
    UpstreamNotFound,
    UpstreamUnreachable,
)
from docker_credential_gcr.emulator.upstream.registries import Upstream, parse_upstream
from docker_credential_gcr.emulator.upstream.tokens import TokenCache

IMAGE = make_image()
MANIFEST = f"/v2/{NAME}/manifests/latest"
BLOB = f"/v2/{NAME}/blobs/{IMAGE.layer_digest}"


async def read(client: UpstreamClient) -> bytes:
    stream = await client.open_blob(NAME, IMAGE.layer_digest)
    try:
        return b"".join([chunk async for chunk in stream])
    finally:
        stream.close()


def has_secret(asked: Asked) -> bool:
    return "authorization" in asked.headers


REALMS = [
    "http://127.0.0.1:{elsewhere}/token",
    "http://localhost:{port}/token",
    "http://127.0.0.1:{port}@127.0.0.1:{elsewhere}/token",
    "http://127.0.0.1:{port}#@127.0.0.1:{elsewhere}/token",
    "http://127.0.0.1:{port}\\@127.0.0.1:{elsewhere}/token",
    "http://127.0.0.1.evil.example:{port}/token",
    "https://127.0.0.1:{port}/token",
    "//127.0.0.1:{elsewhere}/token",
    "http://169.254.169.254/latest/meta-data/",
    "file:///etc/passwd",
    "/token",
    "",
]


@pytest.mark.parametrize("realm", REALMS)
def test_t16_a_realm_elsewhere_gets_neither_a_request_nor_the_credentials(realm: str) -> None:
    async def scenario(server: ScriptedUpstream, client: UpstreamClient) -> None:
        async with ScriptedUpstream() as elsewhere:
            text = realm.format(port=server.port, elsewhere=elsewhere.port).replace("\\", "\\\\")
            server.script(MANIFEST, challenge(text, service="x"))
            with pytest.raises(UpstreamDenied, match="token"):
                await client.get_manifest(NAME, "latest")
            assert elsewhere.requests == []
            assert [asked.path for asked in server.requests] == [MANIFEST]
            assert not any(map(has_secret, server.requests))

    play(scenario, find_credentials=find_secret)


def test_t16_the_documented_token_host_gets_the_credentials_and_the_upstream_the_token() -> None:
    upstream = parse_upstream("https://registry-1.docker.io")
    assert upstream.token_hosts == (("auth.docker.io", 443),)
    assert parse_upstream("https://registry-1.docker.io:444").token_hosts == ()
    assert parse_upstream("http://registry-1.docker.io").token_hosts == ()

    async def fetch(target: Target, authorization: str | None) -> UpstreamResponse:
        raise UpstreamNotFound(f"{target.scheme}://{target.authority}{target.path} {authorization}")

    tokens = TokenCache(upstream, fetch, lambda: 0.0)
    for realm in (
        "http://auth.docker.io/token",
        "https://auth.docker.io:444/token",
        "https://docker.io/token",
    ):
        with pytest.raises(UpstreamDenied):
            asyncio.run(tokens.replace(None, NAME, SECRET, Challenge(True, realm)))
    with pytest.raises(UpstreamNotFound) as raised:
        asyncio.run(
            tokens.replace(None, NAME, SECRET, Challenge(True, "https://auth.docker.io/token?a=b", "s"))
        )
    assert raised.value.url == (
        "https://auth.docker.io/token?a=b&service=s&scope=repository:library/alpine:pull "
        + SECRET.format_basic()
    )


def test_t16_basic_credentials_do_not_go_to_an_upstream_with_a_token_host() -> None:
    def make_upstream(url: str) -> Upstream:
        return Upstream(parse_upstream(url).root, token_hosts=(("auth.example.com", 443),))

    async def scenario(server: ScriptedUpstream, client: UpstreamClient) -> None:
        server.script(MANIFEST, answer(401, WWW_Authenticate='Basic realm="x"'))
        with pytest.raises(UpstreamDenied, match="asks for the password of its token host"):
            await client.get_manifest(NAME, "latest")
        assert not any(map(has_secret, server.requests))

    play(scenario, make_upstream=make_upstream, find_credentials=find_secret)


def test_t16_a_token_host_that_redirects_is_refused() -> None:
    async def scenario(server: ScriptedUpstream, client: UpstreamClient) -> None:
        async with ScriptedUpstream() as elsewhere:
            server.script(MANIFEST, challenge(f"{server.url}/token"))
            server.script("/token", redirect(f"{elsewhere.url}/token"))
            with pytest.raises(UpstreamError, match="the upstream answered 307"):
                await client.get_manifest(NAME, "latest")
            assert elsewhere.requests == []

    play(scenario, find_credentials=find_secret)


@pytest.mark.parametrize("scheme", ["Bearer", "Basic"])
def test_t16_a_redirect_elsewhere_gets_no_credential(scheme: str) -> None:
    """Check 47: Authorization is not sent to the target of a 307."""

    async def scenario(server: ScriptedUpstream, client: UpstreamClient) -> None:
        async with ScriptedUpstream() as elsewhere:
            asks = (
                challenge(f"{server.url}/token")
                if scheme == "Bearer"
                else answer(401, WWW_Authenticate='Basic realm="x"')
            )
            server.script("/token", give_token())
            server.script(BLOB, asks, redirect(f"{elsewhere.url}/signed?X=1"))
            # The target asks for credentials of its own.
            elsewhere.script("/signed", answer(200, IMAGE.layer), asks)
            assert await read(client) == IMAGE.layer
            assert [
                scheme in asked.headers.get("authorization", "") for asked in server.list_asked(BLOB)
            ] == [
                False,
                True,
            ]
            with pytest.raises(UpstreamDenied):
                await read(client)
            assert [asked.query for asked in elsewhere.requests] == ["X=1", "X=1"]
            assert not any(map(has_secret, elsewhere.requests))

    play(scenario, find_credentials=find_secret)


def test_t15_a_redirect_on_the_upstreams_own_host_is_followed() -> None:
    async def scenario(server: ScriptedUpstream, client: UpstreamClient) -> None:
        server.script(BLOB, redirect("/storage/x?signature=a%2Fb", 302))
        server.script("/storage/x", answer(200, IMAGE.layer))
        assert await read(client) == IMAGE.layer
        assert [asked.query for asked in server.list_asked("/storage/x")] == ["signature=a%2Fb"]

    play(scenario, rule=OutgoingRule(loopback=False))


LOCATIONS = [
    *("http://169.254.169.254/latest/meta-data/", "http://[fe80::1]/", "http://[fd00:ec2::254]/"),
    *("http://10.0.0.1/", "http://192.168.1.1:8080/x", "http://172.16.0.1/", "http://203.0.113.9/"),
    *("http://0.0.0.0:{port}/", "http://[::]:{port}/", "http://[::ffff:169.254.169.254]/"),
    # Spellings of an address that no URL may have.
    *("http://2852039166/", "http://0xa9fea9fe/", "http://127.1:{port}/", "http://0251.0376.0251.0376/"),
    *(
        "file:///etc/passwd",
        "ftp://127.0.0.1/",
        "http://user:password@127.0.0.1:{port}/",
        "gopher://127.0.0.1/",
    ),
    *("http://metadata.test/", "http://", "http://[", "http://127.0.0.1:0/", "http://127.0.0.1:{port}/#x"),
    "",
]


async def find_metadata(_host: str, _port: int) -> Sequence[str]:
    return ["169.254.169.254"]


@pytest.mark.parametrize("location", LOCATIONS)
def test_t15_a_redirect_to_a_forbidden_place_is_refused(location: str) -> None:
    async def scenario(server: ScriptedUpstream, client: UpstreamClient) -> None:
        server.script(BLOB, redirect(location.format(port=server.port)))
        server.script("/", answer(200, IMAGE.layer))
        with pytest.raises((UpstreamBadRedirect, UpstreamUnreachable)) as raised:
            await read(client)
        assert "password@" not in str(raised.value)
        assert {asked.path for asked in server.requests} == {BLOB}

    play(scenario, resolve=find_metadata)


def test_t15_nothing_leads_from_https_to_http(tmp_path: Path) -> None:
    async def scenario(server: ScriptedUpstream, client: UpstreamClient) -> None:
        async with ScriptedUpstream() as plain:
            server.script(MANIFEST, challenge(f"{plain.url}/token"))
            with pytest.raises(UpstreamDenied, match="which is not its token host"):
                await client.get_manifest(NAME, "latest")
            server.script(BLOB, redirect(f"http://{server.host}/x"), redirect(f"{plain.url}/x"))
            for _ in range(2):
                with pytest.raises(UpstreamBadRedirect, match="from https to http"):
                    await read(client)
            assert plain.requests == []
            server.script(BLOB, redirect("/x"))
            server.script("/x", answer(200, IMAGE.layer))
            assert await read(client) == IMAGE.layer

    play(scenario, certificate=save_certificate(tmp_path, "localhost"), find_credentials=find_secret)


def test_t15_an_upstream_elsewhere_does_not_lead_to_services_of_this_machine() -> None:
    """Shows a server whose rule allows loopback, and an upstream whose name is not loopback's."""

    def make_upstream(url: str) -> Upstream:
        return parse_upstream(url.replace("127.0.0.1", "registry.test"))

    async def scenario(server: ScriptedUpstream, client: UpstreamClient) -> None:
        async with ScriptedUpstream() as local:
            for host in ("127.0.0.1", "localhost", "other.test"):
                server.script(BLOB, redirect(f"http://{host}:{local.port}/"))
                with pytest.raises(UpstreamBadRedirect, match="the redirect is refused"):
                    await read(client)
            assert local.requests == []

    play(scenario, make_upstream=make_upstream, resolve=find_loopback)


def test_t15_an_allowed_host_is_followed_and_another_port_of_it_is_not() -> None:
    async def scenario(server: ScriptedUpstream, client: UpstreamClient) -> None:
        async with ScriptedUpstream() as storage, ScriptedUpstream() as other:
            allowed = OutgoingRule(loopback=False, allowed=(("127.0.0.1", storage.port),))
            client = UpstreamClient(parse_upstream(server.url), allowed, now=lambda: 0.0, environ={})
            storage.script("/x", answer(200, IMAGE.layer))
            server.script(BLOB, redirect(f"{storage.url}/x"), redirect(f"{other.url}/x"))
            assert await read(client) == IMAGE.layer
            with pytest.raises(UpstreamBadRedirect):
                await read(client)
            assert other.requests == []
            await client.close()

    play(scenario)


@pytest.mark.parametrize(("hops", "is_followed"), [(5, True), (6, False)])
def test_t15_at_most_five_redirects_are_followed(hops: int, is_followed: bool) -> None:
    async def scenario(server: ScriptedUpstream, client: UpstreamClient) -> None:
        server.script(BLOB, *(redirect(f"{server.url}{BLOB}") for _ in range(hops)), answer(200, IMAGE.layer))
        if is_followed:
            assert await read(client) == IMAGE.layer
        else:
            with pytest.raises(UpstreamBadRedirect, match="more than 5 redirects"):
                await read(client)

    play(scenario)


def test_t15_the_address_is_checked_for_each_connection_and_not_resolved_again() -> None:
    found = [["127.0.0.1"], ["127.0.0.1", "169.254.169.254"]]
    asked: list[str] = []

    async def rebind(host: str, _port: int) -> Sequence[str]:
        asked.append(host)
        return found[len(asked) - 1]

    def make_upstream(url: str) -> Upstream:
        return parse_upstream(url.replace("127.0.0.1", "registry.test"))

    async def scenario(server: ScriptedUpstream, client: UpstreamClient) -> None:
        server.script(MANIFEST, give_manifest(IMAGE))
        # The system cannot resolve registry.test: a second resolution would fail.
        assert (await client.get_manifest(NAME, "latest")).digest == IMAGE.digest
        assert asked == ["registry.test"]
        assert server.requests[0].headers["host"] == f"registry.test:{server.port}"
        with pytest.raises(UpstreamForbidden, match=r"169\.254\.169\.254"):
            await client.get_manifest(NAME, "latest")
        assert asked == ["registry.test"] * 2

    play(scenario, make_upstream=make_upstream, resolve=rebind)


@pytest.mark.parametrize("address", ["169.254.169.254", "fd00:ec2::254", "0.0.0.0", "fe80::1"])
def test_t15_an_upstream_with_a_metadata_address_is_never_reached(address: str) -> None:
    host = f"[{address}]" if ":" in address else address

    async def scenario(_server: ScriptedUpstream, client: UpstreamClient) -> None:
        with pytest.raises(UpstreamForbidden, match="never sends requests to"):
            await client.get_manifest(NAME, "latest")

    play(scenario, make_upstream=lambda _url: parse_upstream(f"http://{host}/"))


def test_t15_proxies_and_passwords_of_the_environment_are_not_used(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("default login someone password netrc-word\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    for name in ("http_proxy", "HTTP_PROXY", "ALL_PROXY", "https_proxy"):
        monkeypatch.setenv(name, "http://192.0.2.1:1")
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)

    async def scenario(server: ScriptedUpstream, client: UpstreamClient) -> None:
        server.script(MANIFEST, give_manifest(IMAGE, Set_Cookie="a=b; Path=/"))
        for _ in range(2):
            await client.get_manifest(NAME, "latest")
        assert [set(asked.headers) for asked in server.requests] == [
            {"host", "user-agent", "via", "accept", "accept-encoding"}
        ] * 2
        assert server.requests[1].headers["accept-encoding"] == "identity"

    play(scenario)


def test_the_credentials_are_not_in_any_text() -> None:
    assert SECRET.password not in repr(SECRET)

    async def scenario(server: ScriptedUpstream, client: UpstreamClient) -> None:
        server.script(MANIFEST, challenge(f"{server.url}/token"))
        server.script("/token", answer(401, b"no"))
        with pytest.raises(UpstreamDenied) as raised:
            await client.get_manifest(NAME, "latest")
        assert SECRET.password not in str(raised.value)
        assert has_secret(server.list_asked("/token")[0])

    play(scenario, find_credentials=find_secret)
