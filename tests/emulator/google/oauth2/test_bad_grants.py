"""Wrong requests to the token endpoint, each with its whole response."""

from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

import pytest

NOW = 1_700_000_000
JWT_BEARER = "urn:ietf:params:oauth:grant-type:jwt-bearer"
FORM = {"content-type": "application/x-www-form-urlencoded"}
Apis = Any
Key = dict[str, Any]
SHORT_LIVED = (
    "Invalid JWT: Token must be a short-lived token (60 minutes) and in a reasonable timeframe. "
    "Check your iat and exp values in the JWT claim."
)
PLATFORM = "https://www.googleapis.com/auth/cloud-platform"
MALFORMED = "Invalid JWT: Token must be a signed JSON Web Token that names its issuer."
NEEDS_SCOPE = "Invalid OAuth scope or ID token audience provided."


def form(**fields: str) -> Callable[[Apis, Key], bytes]:
    return lambda _apis, _key: urlencode(fields).encode()


def grant(**changes: object) -> Callable[[Apis, Key], bytes]:
    return lambda apis, key: urlencode(
        {"grant_type": JWT_BEARER, "assertion": apis.sign(key, **changes)}
    ).encode()


def assertion(text: str) -> Callable[[Apis, Key], bytes]:
    return form(grant_type=JWT_BEARER, assertion=text)


# Form, and the error and description of the response, whose status is 400.
BAD_GRANTS: dict[str, tuple[Callable[[Apis, Key], bytes], str, str]] = {
    "nothing": (form(), "invalid_request", "Required parameter is missing: grant_type"),
    "no assertion": (
        form(grant_type=JWT_BEARER),
        "invalid_request",
        "Required parameter is missing: assertion",
    ),
    "another grant": (
        form(grant_type="password", username="a", password="b"),
        "unsupported_grant_type",
        "Invalid grant_type: password",
    ),
    "a field twice": (
        lambda _apis, _key: b"grant_type=a&grant_type=b",
        "invalid_request",
        "A parameter is given more than once",
    ),
    "40 fields": (
        lambda _apis, _key: urlencode({f"f{n}": "x" for n in range(40)}).encode(),
        "invalid_request",
        "Malformed form",
    ),
    "not UTF-8": (lambda _apis, _key: b"grant_type=%ff", "invalid_request", "Malformed form"),
    "not ASCII": (lambda _apis, _key: b"grant_type=\xff", "invalid_request", "Malformed form"),
    "no JWT": (assertion("garbage"), "invalid_grant", MALFORMED),
    "a JWT without kid and iss": (assertion("eyJhbGciOiJSUzI1NiJ9.e30.AA"), "invalid_grant", MALFORMED),
    "unknown account": (
        grant(iss="no@my-project.iam.gserviceaccount.com"),
        "invalid_grant",
        "Invalid grant: account not found",
    ),
    "tampered": (
        lambda apis, key: urlencode(
            {"grant_type": JWT_BEARER, "assertion": apis.sign(key)[:-10] + "AAAAAAAAAA"}
        ).encode(),
        "invalid_grant",
        "Invalid JWT Signature.",
    ),
    "unknown key": (
        lambda apis, key: grant()(apis, {**key, "private_key_id": "0" * 40}),
        "invalid_grant",
        "Invalid JWT Signature.",
    ),
    "expired": (grant(iat=NOW - 3600, exp=NOW), "invalid_grant", SHORT_LIVED),
    "two hours": (grant(exp=NOW + 7200), "invalid_grant", SHORT_LIVED),
    "from the future": (grant(iat=NOW + 301), "invalid_grant", SHORT_LIVED),
    "no iat": (grant(iat=None), "invalid_grant", SHORT_LIVED),
    "another audience": (
        grant(aud="https://example.com/token"),
        "invalid_grant",
        "Invalid JWT: Failed audience check.",
    ),
    "https of the own": (
        grant(aud="https://localhost:5000/token"),
        "invalid_grant",
        "Invalid JWT: Failed audience check.",
    ),
    **{
        f"F-Z31-{scope}": (grant(scope=scope), "invalid_scope", NEEDS_SCOPE)
        for scope in (
            "cloud-platform",
            f"{PLATFORM}.unknown",
            "repository:a/b:pull",
            f"{PLATFORM} repository:a/b:pull",
            f"{PLATFORM},openid",
            f"{PLATFORM}/",
        )
    },
    "no scope": (grant(scope=None), "invalid_scope", NEEDS_SCOPE),
    "an ID token without an audience": (grant(scope=None, target_audience=""), "invalid_scope", NEEDS_SCOPE),
    "an ID token for a list": (grant(target_audience=["a"]), "invalid_scope", NEEDS_SCOPE),
    "an ID token for two lines": (grant(target_audience="a\nb"), "invalid_scope", NEEDS_SCOPE),
    "an ID token for a book": (grant(target_audience="a" * 1025), "invalid_scope", NEEDS_SCOPE),
}


@pytest.mark.parametrize(("make", "error", "text"), BAD_GRANTS.values(), ids=BAD_GRANTS.keys())
def test_a_bad_grant(apis: Apis, make: Callable[[Apis, Key], bytes], error: str, text: str) -> None:
    key = apis.make_key()

    reply = apis.send("POST", "/token", make(apis, key), FORM)

    assert (reply.status, reply.body) == (400, {"error": error, "error_description": text})


def test_a_grant_that_is_not_a_form(apis: Apis) -> None:
    reply = apis.send("POST", "/token", b"{}", {"content-type": "application/json"})

    assert (reply.status, reply.body) == (
        400,
        {
            "error": "invalid_request",
            "error_description": "Content-Type must be application/x-www-form-urlencoded",
        },
    )
