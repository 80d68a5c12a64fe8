"""Referrers of an upstream's manifest (M13): by the API, its pages, and the referrers tag."""

import json
from typing import Any

import pytest
from support.servers.scripted_upstream import ScriptedUpstream, answer, make_image
from support.upstream_clients import NAME, play

from docker_credential_gcr.emulator.oci.media_types import OCI_INDEX
from docker_credential_gcr.emulator.upstream.client import UpstreamClient
from docker_credential_gcr.emulator.upstream.errors import UpstreamBadStatus, UpstreamError, UpstreamMismatch
from docker_credential_gcr.emulator.upstream.referrers import MAX_PAGES, MAX_REFERRERS

DIGEST = make_image().digest
API = f"/v2/{NAME}/referrers/{DIGEST}"
TAG = f"/v2/{NAME}/manifests/{DIGEST.replace(':', '-')}"


def make_entry(number: int) -> dict[str, Any]:
    return {
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "digest": f"sha256:{number:064x}",
        "size": number,
        "artifactType": "application/vnd.example",
        "annotations": {"a": "b"},
    }


def give_index(*entries: Any, **headers: str) -> bytes:
    document = {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": entries}
    return answer(200, json.dumps(document).encode(), Content_Type=OCI_INDEX, **headers)


ONE, TWO = make_entry(1), make_entry(2)


def test_m13_pages_are_followed_on_the_upstream() -> None:
    async def scenario(server: ScriptedUpstream, client: UpstreamClient) -> None:
        server.script(API, give_index(ONE, Link=f'<{API}?last=1>; rel="next"'), give_index(TWO))
        assert await client.list_referrers(NAME, DIGEST) == [ONE, TWO]
        assert [asked.query for asked in server.requests] == ["", "last=1"]
        assert server.requests[0].headers["accept"] == OCI_INDEX

    play(scenario)


@pytest.mark.parametrize("status", [404, 400, 405, 501])
def test_m13_an_upstream_without_the_api_is_asked_for_the_referrers_tag(status: int) -> None:
    async def scenario(server: ScriptedUpstream, client: UpstreamClient) -> None:
        server.script(API, answer(status))
        assert await client.list_referrers(NAME, DIGEST) == []
        server.script(TAG, give_index(ONE))
        assert await client.list_referrers(NAME, DIGEST) == [ONE]

    play(scenario)


def test_m13_an_outage_is_not_an_empty_list() -> None:
    async def scenario(server: ScriptedUpstream, client: UpstreamClient) -> None:
        server.script(API, answer(502))
        with pytest.raises(UpstreamBadStatus):
            await client.list_referrers(NAME, DIGEST)

    play(scenario)


def test_t15_a_list_without_an_end_is_refused() -> None:
    async def scenario(server: ScriptedUpstream, client: UpstreamClient) -> None:
        server.script(API, give_index(ONE, Link=f'<{API}?last=1>; rel="next"'))
        with pytest.raises(UpstreamMismatch, match="has no end"):
            await client.list_referrers(NAME, DIGEST)
        assert len(server.requests) == MAX_PAGES
        server.script(API, give_index(*(make_entry(number) for number in range(MAX_REFERRERS + 1))))
        with pytest.raises(UpstreamMismatch, match="has no end"):
            await client.list_referrers(NAME, DIGEST)

    play(scenario)


@pytest.mark.parametrize(
    "link",
    [
        *(
            "http://192.0.2.1/v2/x",
            "http://127.0.0.1:1/v2/x",
            "//192.0.2.1/v2/x",
            "/_emulator/reset",
            "/v2/\u00e9",
        ),
        *("http://[", "/v2/a b", "/v2/x#y"),
    ],
)
def test_t15_a_next_page_elsewhere_is_refused(link: str) -> None:
    async def scenario(server: ScriptedUpstream, client: UpstreamClient) -> None:
        server.script(API, give_index(ONE, Link=f'<{link}>; rel="next"'))
        with pytest.raises(UpstreamMismatch, match="the next page of referrers"):
            await client.list_referrers(NAME, DIGEST)
        assert len(server.requests) == 1

    play(scenario)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"{}",
        b'{"manifests": {}}',
        b'{"manifests": [1]}',
        b'{"manifests": [{"digest": "x"}]}',
        b"[" * 9999,
    ],
)
def test_t15_what_is_no_index_is_refused(body: bytes) -> None:
    async def scenario(server: ScriptedUpstream, client: UpstreamClient) -> None:
        server.script(API, answer(200, body, Content_Type=OCI_INDEX))
        with pytest.raises(UpstreamError, match="not an index"):
            await client.list_referrers(NAME, DIGEST)

    play(scenario)
