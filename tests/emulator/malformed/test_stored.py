"""Stored values that this version refuses, from an earlier one, can be read, listed and replaced."""

import json
from typing import Any

import pytest
from sqlalchemy import String, Table, literal, update

from docker_credential_gcr.emulator.database import schema
from docker_credential_gcr.emulator.database.schema import federation as schema_federation

Server = Any
POOL = "/v1/projects/my-project/locations/global/workloadIdentityPools/outside"
PROVIDER = f"{POOL}/providers/issuer"
MAPPING = {"google.subject": "assertion.sub"}
CONDITION = {"title": "a\ud800", "expression": "true"}
BINDING = {"role": "roles/storage.objectViewer", "members": ["user:ada@example.com"], "condition": CONDITION}
# id: (table, column, stored value, request that reads it, request that replaces it)
STORED: dict[str, tuple[Table, str, Any, tuple[str, str], tuple[str, str, Any]]] = {
    "a bucket's cors": (
        schema.buckets,
        "settings",
        {"cors": ["\ud800"], "storageClass": "\ud800"},
        ("GET", "/storage/v1/b/bucket-aa"),
        ("PUT", "/storage/v1/b/bucket-aa", {}),
    ),
    "a pool's name": (
        schema_federation.workload_identity_pools,
        "settings",
        {"displayName": "\ud800"},
        ("GET", POOL),
        ("PATCH", POOL, {"displayName": "a"}),
    ),
    "a provider's issuer": (
        schema_federation.workload_identity_providers,
        "settings",
        {"oidc": {"issuerUri": "https://a\ud800"}, "attributeMapping": MAPPING},
        ("GET", PROVIDER),
        ("PATCH", PROVIDER, {"oidc": {"issuerUri": "https://a"}}),
    ),
    "a condition's title": (
        schema.policies,
        "document",
        {"version": 3, "bindings": [BINDING]},
        ("POST", "/v1/projects/my-project:getIamPolicy"),
        ("POST", "/v1/projects/my-project:setIamPolicy", {"policy": {}}),
    ),
}


@pytest.mark.parametrize("case", STORED, ids=lambda case: f"E-Z23-{case}")
def test_what_an_earlier_version_stored_is_readable_and_can_be_mended(server: Server, case: str) -> None:
    table, column, value, (method, url), (mending, place, document) = STORED[case]
    server.call(
        "POST",
        "/v1/projects/my-project:setIamPolicy",
        {"policy": {"bindings": [BINDING | {"condition": None}]}},
    )
    # Written as text, not converted by the column's type.
    stored = update(table).values({column: literal(json.dumps(value), String)})
    server.emulator._database.write_now(lambda connection: connection.execute(stored))
    options = {"options": {"requestedPolicyVersion": 3}} if method == "POST" else None

    assert "\ufffd" in json.dumps(server.call(method, url, options), ensure_ascii=False)
    for listed in (
        "/storage/v1/b?project=my-project",
        f"{POOL}/providers",
        POOL.rpartition("/")[0],
        "/v1/projects",
    ):
        server.call("GET", listed)
    server.call(mending, place, document)
    assert "\ufffd" not in json.dumps(server.call(method, url, options), ensure_ascii=False)
