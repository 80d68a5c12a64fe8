"""JWT assertions are accepted if a registered key signed them for this audience, for at most an hour."""

import hashlib
import hmac
from collections.abc import Callable
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from docker_credential_gcr.emulator.identity import assertions
from docker_credential_gcr.emulator.identity.assertions import (
    Assertion,
    InvalidAssertion,
    verify_assertion,
    verify_self_signed,
)

NOW = 1_700_000_000
EMAIL = "ci@my-project.iam.gserviceaccount.com"
AUDIENCE = "https://oauth2.googleapis.com/token"
AccountKeys = Any


def verify(keys: AccountKeys, assertion: str) -> Assertion:
    return verify_assertion(
        assertion,
        find_keys=keys.find_keys,
        has_account=lambda email: email in (EMAIL, "other@my-project.iam.gserviceaccount.com"),
        audiences=(AUDIENCE,),
        now=keys.now,
    )


def test_an_assertion_as_googles_clients_write_it_is_accepted(keys: AccountKeys) -> None:
    assertion = keys.sign({"aud": AUDIENCE, "sub": EMAIL}, {"typ": "JWT"})

    assert verify(keys, assertion) == Assertion(
        EMAIL, keys.key.key_id, frozenset({"email", "openid"}), AUDIENCE, NOW + 3600
    )


@pytest.mark.parametrize(
    "changes",
    [
        {"iat": NOW + 300, "exp": NOW + 3900},
        {"iat": NOW - 3599, "exp": NOW + 1},
        {"iat": float(NOW), "exp": NOW + 3600.0},
        {"nbf": NOW + 300},
    ],
    ids=["clock 5 minutes ahead", "last second", "fractions", "nbf 5 minutes ahead"],
)
def test_the_edges_of_the_times_are_accepted(keys: AccountKeys, changes: dict[str, object]) -> None:
    assert verify(keys, keys.sign({"aud": AUDIENCE, **changes})).email == EMAIL


def _with_public_key_as_secret(keys: AccountKeys) -> str:
    header, claims, _ = keys.sign({"aud": AUDIENCE}, {"alg": "HS256"}, key="x" * 64, algorithm="HS256").split(
        "."
    )
    mac = hmac.new(keys.key.public_key.encode(), f"{header}.{claims}".encode(), hashlib.sha256).digest()
    return f"{header}.{claims}.{jwt.utils.base64url_encode(mac).decode()}"


def _with_own_key_in_the_header(keys: AccountKeys) -> str:
    jwk = jwt.algorithms.RSAAlgorithm.to_jwk(
        load_pem_public_key(keys.other.public_key.encode()), as_dict=True
    )  # type: ignore[arg-type]
    return str(keys.sign({"aud": AUDIENCE}, {"jwk": jwk}, keys.other.private_key))


REFUSED: dict[str, tuple[Callable[[AccountKeys], str], str, str]] = {
    "empty": (lambda _: "", "invalid_grant", assertions.MALFORMED),
    "garbage": (lambda _: "a.b.c", "invalid_grant", assertions.MALFORMED),
    "claims that are a list": (
        lambda _: "eyJhbGciOiJSUzI1NiJ9.W10.AA",
        "invalid_grant",
        assertions.MALFORMED,
    ),
    "20 KiB": (lambda k: k.sign({"scope": "s" * 20_000}), "invalid_grant", assertions.MALFORMED),
    "no iss": (lambda k: k.sign({"iss": None}), "invalid_grant", assertions.MALFORMED),
    "unknown account": (
        lambda k: k.sign({"iss": "no@my-project.iam.gserviceaccount.com"}),
        "invalid_grant",
        assertions.ACCOUNT_NOT_FOUND,
    ),
    "key of another account": (
        lambda k: k.sign({"iss": "other@my-project.iam.gserviceaccount.com"}),
        "invalid_grant",
        assertions.WRONG_SIGNATURE,
    ),
    "unknown kid": (lambda k: k.sign(header={"kid": "0" * 40}), "invalid_grant", assertions.WRONG_SIGNATURE),
    "another key": (lambda k: k.sign(key=k.other.private_key), "invalid_grant", assertions.WRONG_SIGNATURE),
    "own key in the header": (_with_own_key_in_the_header, "invalid_grant", assertions.WRONG_SIGNATURE),
    "HS256 with the public key": (_with_public_key_as_secret, "invalid_grant", assertions.WRONG_SIGNATURE),
    "alg none": (
        lambda k: k.sign({"aud": AUDIENCE}, key="", algorithm="none"),
        "invalid_grant",
        assertions.WRONG_SIGNATURE,
    ),
    "RS512": (lambda k: k.sign(algorithm="RS512"), "invalid_grant", assertions.WRONG_SIGNATURE),
    "critical extension": (
        lambda k: k.sign(header={"crit": ["exp"], "exp": 1}),
        "invalid_grant",
        assertions.MALFORMED,
    ),
    "expired": (lambda k: k.sign({"iat": NOW - 3600, "exp": NOW}), "invalid_grant", assertions.WRONG_TIMES),
    "too long": (lambda k: k.sign({"exp": NOW + 3601}), "invalid_grant", assertions.WRONG_TIMES),
    "from the future": (
        lambda k: k.sign({"iat": NOW + 301, "exp": NOW + 3600}),
        "invalid_grant",
        assertions.WRONG_TIMES,
    ),
    "not yet": (lambda k: k.sign({"nbf": NOW + 301}), "invalid_grant", assertions.WRONG_TIMES),
    "no exp": (lambda k: k.sign({"exp": None}), "invalid_grant", assertions.WRONG_TIMES),
    "exp in words": (lambda k: k.sign({"exp": "tomorrow"}), "invalid_grant", assertions.WRONG_TIMES),
    "exp true": (lambda k: k.sign({"exp": True}), "invalid_grant", assertions.WRONG_TIMES),
    "exp infinite": (lambda k: k.sign({"exp": float("inf")}), "invalid_grant", assertions.MALFORMED),
    "E-Z24-exp of 400 digits": (lambda k: k.sign({"exp": 10**400}), "invalid_grant", assertions.MALFORMED),
    "E-Z24-iat of 400 digits": (lambda k: k.sign({"iat": 10**400}), "invalid_grant", assertions.MALFORMED),
    "E-Z24-nbf of 400 digits": (lambda k: k.sign({"nbf": 10**400}), "invalid_grant", assertions.MALFORMED),
    "E-Z24-iat of 30 digits": (lambda k: k.sign({"iat": 10**30}), "invalid_grant", assertions.WRONG_TIMES),
    "E-Z23-kid a lone surrogate": (
        lambda k: k.sign({"aud": AUDIENCE}, {"kid": "\ud800"}),
        "invalid_grant",
        assertions.MALFORMED,
    ),
    "E-Z23-iss a lone surrogate": (
        lambda k: k.sign({"iss": "\ud800"}),
        "invalid_grant",
        assertions.MALFORMED,
    ),
    "no aud": (lambda k: k.sign(), "invalid_grant", assertions.WRONG_AUDIENCE),
    "another aud": (lambda k: k.sign({"aud": "https://gcr.io/"}), "invalid_grant", assertions.WRONG_AUDIENCE),
    "aud in a list": (lambda k: k.sign({"aud": [AUDIENCE]}), "invalid_grant", assertions.WRONG_AUDIENCE),
    "for another user": (
        lambda k: k.sign({"aud": AUDIENCE, "sub": "boss@example.com"}),
        "unauthorized_client",
        assertions.DELEGATION,
    ),
    "no scope": (lambda k: k.sign({"aud": AUDIENCE, "scope": None}), "invalid_scope", assertions.WRONG_SCOPE),
    "blank scope": (
        lambda k: k.sign({"aud": AUDIENCE, "scope": " "}),
        "invalid_scope",
        assertions.WRONG_SCOPE,
    ),
    "scope with a newline": (
        lambda k: k.sign({"aud": AUDIENCE, "scope": "a\nb"}),
        "invalid_scope",
        assertions.WRONG_SCOPE,
    ),
    "scope in a list": (
        lambda k: k.sign({"aud": AUDIENCE, "scope": ["a"]}),
        "invalid_scope",
        assertions.WRONG_SCOPE,
    ),
    "5 KiB of scopes": (
        lambda k: k.sign({"aud": AUDIENCE, "scope": "s" * 5000}),
        "invalid_scope",
        assertions.WRONG_SCOPE,
    ),
}


@pytest.mark.parametrize(("make", "error", "text"), REFUSED.values(), ids=REFUSED.keys())
def test_a_bad_assertion_is_refused_in_googles_words(
    keys: AccountKeys, make: Callable[[AccountKeys], str], error: str, text: str
) -> None:
    with pytest.raises(InvalidAssertion) as refusal:
        verify(keys, make(keys))

    assert (refusal.value.error, str(refusal.value)) == (error, text)


def test_an_expired_or_deleted_key_signs_nothing_any_more(keys: AccountKeys) -> None:
    assertion = keys.sign({"aud": AUDIENCE})
    keys.expire_key(NOW)

    with pytest.raises(InvalidAssertion, match=assertions.WRONG_SIGNATURE):
        verify(keys, assertion)

    keys.registered = None
    with pytest.raises(InvalidAssertion, match=assertions.WRONG_SIGNATURE):
        verify(keys, assertion)


@pytest.mark.parametrize(
    ("changes", "scopes", "audience"),
    [
        ({}, {"email", "openid"}, None),
        ({"aud": ""}, {"email", "openid"}, None),
        ({"aud": "https://gcr.io/"}, {"email", "openid"}, "https://gcr.io/"),
        (
            {"aud": "https://gcr.io/", "scope": None},
            {"https://www.googleapis.com/auth/cloud-platform"},
            "https://gcr.io/",
        ),
    ],
    ids=["scopes", "empty audience", "both", "audience alone"],
)
def test_a_self_signed_jwt_names_scopes_or_its_service(
    keys: AccountKeys, changes: dict[str, object], scopes: set[str], audience: str | None
) -> None:
    said = verify_self_signed(
        keys.sign(changes), find_keys=keys.find_keys, audiences=("https://gcr.io/",), now=NOW
    )

    assert said == Assertion(EMAIL, keys.key.key_id, frozenset(scopes), audience, NOW + 3600)


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"aud": AUDIENCE}, assertions.WRONG_AUDIENCE),
        ({"aud": ["https://gcr.io/"]}, assertions.WRONG_AUDIENCE),
        ({"aud": {"a": "https://gcr.io/"}}, assertions.WRONG_AUDIENCE),
        ({"scope": None}, assertions.WRONG_SCOPE),
        ({"exp": NOW + 4000}, assertions.WRONG_TIMES),
    ],
    ids=["another service", "E-Z24-audience in a list", "E-Z24-audience in an object", "neither", "too long"],
)
def test_a_bad_self_signed_jwt_is_refused(keys: AccountKeys, changes: dict[str, object], text: str) -> None:
    with pytest.raises(InvalidAssertion) as refusal:
        verify_self_signed(
            keys.sign(changes), find_keys=keys.find_keys, audiences={"https://gcr.io/"}, now=NOW
        )

    assert str(refusal.value) == text
