"""Requests to Cloud Storage, seen by a server in front of SeaweedFS."""

import asyncio
import hashlib
from urllib.parse import unquote

from support.servers.seaweedfs import ANONYMOUS_BUCKET, NEEDS

pytestmark = NEEDS
KEY = "pieces/ab/one"


def write(store, size):
    async def give():
        yield bytes(size)

    asyncio.run(store.write(KEY, give(), hashlib.sha256()))


def test_an_object_is_created_only_where_none_is(gcs_store, gcs_front, folder):
    write(gcs_store, 5)
    [(target, headers)] = [
        (target, headers) for method, target, headers in gcs_front.requests if method == "PUT"
    ]
    assert unquote(target) == f"/{ANONYMOUS_BUCKET}/{folder}/{KEY}"
    assert (headers["x-goog-if-generation-match"], headers["content-length"]) == ("0", "5")
    assert headers["authorization"].startswith("Bearer ")


def test_a_service_accounts_key_signs_links_without_a_request(gcs_store, gcs_front):
    before = len(gcs_front.requests)
    link = asyncio.run(gcs_store.link(KEY, 60))
    assert link.startswith(f"{gcs_front.url}/{ANONYMOUS_BUCKET}/")
    assert "X-Goog-Expires=60" in link
    assert len(gcs_front.requests) == before
