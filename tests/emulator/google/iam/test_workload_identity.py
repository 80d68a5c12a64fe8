"""Workload identity pools and providers: create, get, change, delete, undelete."""

import json
from typing import Any

import pytest

Apis = Any
NOW = 1_700_000_000
POOLS = "/v1/projects/my-project/locations/global/workloadIdentityPools"
POOL = f"{POOLS}/github"
PROVIDER = f"{POOL}/providers/actions"
POOL_TYPE = "type.googleapis.com/google.iam.v1.WorkloadIdentityPool"
THIRTY_DAYS = "2023-12-14T22:13:20Z"
OIDC = {
    "attributeMapping": {"google.subject": "assertion.sub"},
    "oidc": {"issuerUri": "https://issuer.example"},
}


@pytest.fixture
def number(apis: Apis) -> str:
    """Creates the project of the pools, and returns its number."""
    made = apis.call("POST", "/v1/projects", {"projectId": "my-project"})
    assert made.status == 200
    shown: str = apis.call("GET", "/v1/projects/my-project").body["projectNumber"]
    return shown


def make_pool(apis: Apis, pool_id: str = "github", **fields: object) -> dict[str, Any]:
    reply = apis.call("POST", f"{POOLS}?workloadIdentityPoolId={pool_id}", fields)
    assert reply.status == 200, reply
    response: dict[str, Any] = reply.body["response"]
    return response


def make_provider(apis: Apis, provider_id: str = "actions", **fields: object) -> dict[str, Any]:
    path = f"{POOL}/providers?workloadIdentityPoolProviderId={provider_id}"
    reply = apis.call("POST", path, fields or OIDC)
    assert reply.status == 200, reply
    response: dict[str, Any] = reply.body["response"]
    return response


def test_a_pool_is_made_by_an_operation_that_can_be_asked_for(apis: Apis, number: str) -> None:
    body = {"displayName": "GitHub", "description": "for builds", "state": "ACTIVE"}

    reply = apis.call("POST", f"{POOLS}?workloadIdentityPoolId=github", body)

    name = f"projects/{number}/locations/global/workloadIdentityPools/github"
    pool = {"name": name, "displayName": "GitHub", "description": "for builds", "state": "ACTIVE"}
    operation = reply.body["name"]
    assert operation.startswith(f"{name}/operations/")
    assert (reply.status, reply.body) == (
        200,
        {"name": operation, "done": True, "response": {"@type": POOL_TYPE, **pool}},
    )
    assert apis.call("GET", f"/v1/{operation}").body == reply.body
    assert apis.call("GET", POOL).body == pool
    assert apis.call("GET", f"/v1/{name}").body == pool
    assert apis.call("GET", POOLS).body == {"workloadIdentityPools": [pool]}
    again = apis.call("POST", f"{POOLS}?workloadIdentityPoolId=github", {})
    assert (again.status, again.body["error"]["status"]) == (409, "ALREADY_EXISTS")


@pytest.mark.usefixtures("number")
def test_pools_are_listed_page_by_page(apis: Apis) -> None:
    names = [make_pool(apis, pool_id)["name"] for pool_id in ("one1", "three3", "two2")]

    first = apis.call("GET", f"{POOLS}?pageSize=2").body
    second = apis.call("GET", f"{POOLS}?pageSize=2&pageToken={first['nextPageToken']}").body

    shown = [pool["name"] for page in (first, second) for pool in page["workloadIdentityPools"]]
    assert shown == names
    assert "nextPageToken" not in second


@pytest.mark.usefixtures("number")
def test_fields_that_the_mask_names_are_changed(apis: Apis) -> None:
    pool = make_pool(apis, displayName="GitHub", description="for builds")
    del pool["@type"]

    body = {"displayName": "Hub", "description": "not named", "disabled": True}
    reply = apis.call("PATCH", f"{POOL}?updateMask=display_name,disabled", body)

    changed = {**pool, "displayName": "Hub", "disabled": True}
    assert reply.body["response"] == {"@type": POOL_TYPE, **changed}
    assert apis.call("GET", POOL).body == changed
    emptied = apis.call("PATCH", f"{POOL}?updateMask=description", {}).body["response"]
    assert "description" not in emptied
    assert apis.call("PATCH", POOL, {"disabled": False}).body["response"]["displayName"] == "Hub"
    assert "disabled" not in apis.call("GET", POOL).body


@pytest.mark.usefixtures("number")
def test_what_is_deleted_can_be_taken_back_for_thirty_days(apis: Apis) -> None:
    pool = make_pool(apis)
    provider = make_provider(apis)
    del provider["@type"]

    deleted = apis.call("DELETE", PROVIDER).body["response"]

    gone = {**provider, "state": "DELETED", "expireTime": THIRTY_DAYS}
    assert deleted == {"@type": f"{POOL_TYPE}Provider", **gone}
    assert apis.call("GET", f"{POOL}/providers").body == {}
    assert apis.call("GET", f"{POOL}/providers?showDeleted=true").body == {
        "workloadIdentityPoolProviders": [gone]
    }
    taken = apis.call("POST", f"{POOL}/providers?workloadIdentityPoolProviderId=actions", OIDC)
    assert taken.status == 409
    for method, path in (("DELETE", ""), ("PATCH", "?updateMask=disabled")):
        refused = apis.call(method, f"{PROVIDER}{path}", {})
        assert (refused.status, refused.body["error"]["message"]) == (
            400,
            f"{provider['name']} is deleted: undelete it first.",
        )
    assert apis.call("POST", f"{PROVIDER}:undelete", {}).body["response"] == {
        "@type": f"{POOL_TYPE}Provider",
        **provider,
    }
    again = apis.call("POST", f"{PROVIDER}:undelete", {})
    assert again.body["error"]["message"] == f"{provider['name']} is not deleted."

    assert apis.call("DELETE", POOL).body["response"]["expireTime"] == THIRTY_DAYS
    shown = apis.call("GET", f"{POOLS}?showDeleted=true").body["workloadIdentityPools"]
    assert [each["name"] for each in shown] == [pool["name"]]
    apis.clock.set(NOW + 30 * 24 * 3600)
    assert apis.call("POST", f"{POOL}:undelete", {}).status == 404
    assert apis.call("GET", f"{POOLS}?showDeleted=true").body == {}
    assert make_pool(apis)["state"] == "ACTIVE"
    assert apis.call("GET", PROVIDER).status == 404


@pytest.mark.usefixtures("number")
def test_a_provider_keeps_what_was_said_of_it(apis: Apis) -> None:
    keys = json.dumps(apis.services.issuer.format_jwks())
    make_pool(apis)
    settings = {
        "displayName": "Actions",
        "disabled": True,
        "oidc": {
            "issuerUri": "https://token.actions.githubusercontent.com",
            "allowedAudiences": ["https://github.com/octo-org"],
            "jwksJson": keys,
        },
        "attributeMapping": {
            "google.subject": "assertion.sub",
            "google.groups": "assertion.groups",
            "attribute.repository": "assertion.repository",
        },
        "attributeCondition": "assertion.repository_owner == 'octo-org'",
    }

    made = make_provider(apis, **settings)

    shown = {"name": made["name"], "state": "ACTIVE", **settings}
    assert made == {"@type": f"{POOL_TYPE}Provider", **shown}
    assert apis.call("GET", PROVIDER).body == shown
    mask = "oidc.allowedAudiences,attributeCondition"
    body = {"oidc": {"issuerUri": "https://other.example"}, "attributeCondition": "assertion.ref == 'x'"}
    apis.call("PATCH", f"{PROVIDER}?updateMask={mask}", body)
    del settings["oidc"]["allowedAudiences"]
    assert apis.call("GET", PROVIDER).body == {**shown, "attributeCondition": "assertion.ref == 'x'"}


@pytest.mark.usefixtures("number")
def test_a_provider_of_aws_has_googles_mapping(apis: Apis) -> None:
    make_pool(apis)

    made = make_provider(apis, aws={"accountId": "123456789012"})

    assert made["aws"] == {"accountId": "123456789012"}
    assert list(made["attributeMapping"]) == ["google.subject", "attribute.aws_role"]


SUBJECT = {"google.subject": "assertion.sub"}
KINDS = "a provider must have one of oidc and aws; gcr-emulator knows no others"
RSA_1 = {"keys": [{"kty": "oct", "kid": "1", "k": "c2VjcmV0"}]}


def with_oidc(**fields: object) -> dict[str, Any]:
    return {**OIDC, "oidc": {"issuerUri": "https://issuer.example", **fields}}


@pytest.mark.usefixtures("number")
@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({}, KINDS),
        ({**OIDC, "aws": {"accountId": "123456789012"}}, KINDS),
        ({"attributeMapping": SUBJECT, "saml": {"idpMetadataXml": "<x/>"}}, KINDS),
        ({**OIDC, "displayName": "x" * 33}, "displayName must be a string of at most 32 characters"),
        ({**OIDC, "description": 1}, "description must be a string of at most 256 characters"),
        ({**OIDC, "disabled": "yes"}, "disabled must be true or false"),
        *(
            (
                with_oidc(issuerUri=issuer),
                "the issuerUri must be a URL that begins with https://, or a loopback one",
            )
            for issuer in (None, "", "http://issuer.example", "https://", "ftp://localhost", "https://[x")
        ),
        (with_oidc(allowedAudiences=["x"] * 11), "allowedAudiences must be a list of at most 10"),
        (with_oidc(allowedAudiences=[""]), "an allowed audience must be a string of 1 to 256 characters"),
        (with_oidc(jwksJson={}), "jwksJson must be a string of at most 65536 characters"),
        (with_oidc(jwksJson="{"), "jwksJson cannot be used: it is not a set of JSON Web Keys"),
        (with_oidc(jwksJson="[1]"), "jwksJson cannot be used: it is not a set of JSON Web Keys"),
        (
            with_oidc(jwksJson=json.dumps(RSA_1)),
            "jwksJson cannot be used: it has no public key of the type RSA for RS256, or EC for ES256, "
            "with a kid",
        ),
        ({"aws": {"accountId": "12345678901"}}, "the accountId of AWS must have 12 digits"),
        ({**OIDC, "attributeMapping": {}}, "the attributeMapping must map google.subject"),
        (
            {**OIDC, "attributeMapping": {**SUBJECT, "google.name": "assertion.name"}},
            "'google.name' cannot be mapped: known are google.subject, google.groups, attribute.NAME",
        ),
        (
            {**OIDC, "attributeMapping": SUBJECT | {f"attribute.a{n}": "assertion.sub" for n in range(50)}},
            "the attributeMapping may have at most 50 attributes",
        ),
        (
            {**OIDC, "attributeMapping": {"google.subject": "sub"}},
            "the expression of google.subject cannot be evaluated: 'sub' is not expected there",
        ),
        (
            {**OIDC, "attributeMapping": {"google.subject": 1}},
            "google.subject must be an expression of at most 2048 characters",
        ),
        (
            {**OIDC, "attributeCondition": "assertion.sub.matches('a')"},
            "the expression of attributeCondition cannot be evaluated: the method 'matches' with 1 arguments "
            "is not understood",
        ),
        (
            {**OIDC, "oidc": {"issuerUri": "https://token.actions.githubusercontent.com"}},
            "the attribute condition must reference one of the provider's claims",
        ),
    ],
)
def test_a_provider_that_cannot_be_is_refused(apis: Apis, body: dict[str, Any], message: str) -> None:
    make_pool(apis)

    reply = apis.call("POST", f"{POOL}/providers?workloadIdentityPoolProviderId=actions", body)

    error = {"code": 400, "message": f"Invalid argument: {message}.", "status": "INVALID_ARGUMENT"}
    assert (reply.status, reply.body) == (400, {"error": error})


@pytest.mark.usefixtures("number")
@pytest.mark.parametrize("pool_id", ["", "abc", "gcp-pool", "Pool", "a" * 33])
def test_an_id_that_cannot_be_is_refused(apis: Apis, pool_id: str) -> None:
    reply = apis.call("POST", f"{POOLS}?workloadIdentityPoolId={pool_id}", {})

    assert (reply.status, reply.body["error"]["message"]) == (
        400,
        "Invalid workloadIdentityPoolId: it must be 4 to 32 lower-case letters, digits or hyphens, "
        "not beginning with gcp-.",
    )


@pytest.mark.usefixtures("number")
@pytest.mark.parametrize("mask", ["none", "oidc.issuerUri.x", "saml.x"])
def test_a_mask_that_names_no_field_is_refused(apis: Apis, mask: str) -> None:
    make_pool(apis)
    make_provider(apis)

    reply = apis.call("PATCH", f"{PROVIDER}?updateMask={mask}", {})

    assert (reply.status, reply.body["error"]["message"]) == (
        400,
        f"Invalid update mask: the field {mask!r} is unknown.",
    )


@pytest.mark.usefixtures("number")
def test_a_mask_goes_into_objects_alone(apis: Apis) -> None:
    make_pool(apis)
    make_provider(apis)

    reply = apis.call("PATCH", f"{PROVIDER}?updateMask=oidc.issuerUri", {"oidc": "x"})

    assert (reply.status, reply.body["error"]["message"]) == (
        400,
        "Invalid value at 'oidc': it must be an object.",
    )
