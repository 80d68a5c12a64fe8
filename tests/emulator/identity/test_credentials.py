"""Credentials: every user name and password that Google's registry accepts is accepted, no other."""

import base64
import json
import timeit
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from docker_credential_gcr.emulator.identity.credentials import InvalidCredential, Lookups, authenticate
from docker_credential_gcr.emulator.identity.keys.service_account_keys import (
    ServiceAccountKey,
    format_key_file,
)
from docker_credential_gcr.emulator.identity.principal import ANONYMOUS, CLOUD_PLATFORM, Principal
from docker_credential_gcr.emulator.identity.tokens import AccessGrant

NOW = 1_700_000_000
EMAIL = "ci@my-project.iam.gserviceaccount.com"
MEMBER = f"serviceAccount:{EMAIL}"
AccountKeys = Any


def basic(user: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


def key_file(keys: AccountKeys, **changes: object) -> str:
    text = format_key_file(keys.key, project_id="my-project", email=EMAIL, unique_id="1")
    return json.dumps({**json.loads(text), **changes})


def check(keys: AccountKeys, authorization: str | None) -> Principal:
    return authenticate(
        authorization,
        Lookups(keys.find_keys, keys.logins.__contains__, lambda _pool: False),
        signer=keys.signer,
        now=keys.now,
        audiences=("https://gcr.io/",),
    )


def test_without_a_credential_one_is_anonymous(keys: AccountKeys) -> None:
    assert check(keys, None) == ANONYMOUS


def test_a_users_access_token_ends_with_its_login(keys: AccountKeys) -> None:
    grant = AccessGrant("user:ada@example.com", "login-1", frozenset({"a"}), NOW + 3600, NOW)
    bearer = f"Bearer {keys.signer.sign_access(grant, NOW)}"

    keys.logins = ("login-1",)
    assert check(keys, bearer) == Principal("user:ada@example.com", frozenset({"a"}), "login-1")
    keys.logins = ("login-2",)
    with pytest.raises(InvalidCredential, match="the key, the login or the pool behind the token is gone"):
        check(keys, bearer)


TOKEN_USERS = [
    "oauth2accesstoken",
    "_token",
    "_dcgcloud_token",
    "gclouddockertoken",
    "_dcgcr_0_0_0_token",
    "_dcgcr_2_1_22_token",
    "_dcgcr_token",
]


@pytest.mark.parametrize("user", TOKEN_USERS)
def test_each_token_user_may_send_an_access_token(keys: AccountKeys, user: str) -> None:
    principal = check(keys, basic(user, keys.access_token()))

    assert principal == Principal(MEMBER, frozenset({"a"}), keys.key.key_id)


@pytest.mark.parametrize("user", TOKEN_USERS)
def test_each_token_user_may_send_a_self_signed_jwt(keys: AccountKeys, user: str) -> None:
    principal = check(keys, basic(user, keys.sign()))

    assert principal == Principal(MEMBER, frozenset({"email", "openid"}), keys.key.key_id)


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER"])
def test_a_bearer_may_send_both(keys: AccountKeys, scheme: str) -> None:
    assert check(keys, f"{scheme} {keys.access_token()}").oauth_scopes == {"a"}
    assert check(keys, f"{scheme} {keys.sign()}").oauth_scopes == {"email", "openid"}


def test_f_z29_a_key_file_may_do_all_that_its_account_may(keys: AccountKeys) -> None:
    text = key_file(keys)
    encoded = base64.b64encode(text.encode()).decode()
    expected = Principal(MEMBER, frozenset({CLOUD_PLATFORM}), keys.key.key_id)

    assert check(keys, basic("_json_key", text)) == expected
    assert check(keys, basic("_json_key_base64", encoded)) == expected
    for written in (base64.encodebytes(text.encode()), base64.urlsafe_b64encode(text.encode())):
        assert check(keys, basic("_json_key_base64", written.decode())) == expected
        assert check(keys, basic("_json_key_base64", written.decode().replace("\n", "\r\n"))) == expected
    assert check(keys, "basic  " + basic("_json_key", text).partition(" ")[2]) == expected


def test_a_self_signed_jwt_may_name_the_service_it_is_for(keys: AccountKeys) -> None:
    jwt = keys.sign({"aud": "https://gcr.io/", "scope": None})

    assert check(keys, f"Bearer {jwt}").oauth_scopes == {CLOUD_PLATFORM}


def _public_half_with_anothers_private_numbers(keys: AccountKeys) -> str:
    """Returns a PEM with the right modulus that cannot sign: an attacker could write it from a public key."""
    key = serialization.load_pem_private_key(keys.key.private_key.encode(), None)
    other = serialization.load_pem_private_key(keys.other.private_key.encode(), None)
    numbers, others = key.private_numbers(), other.private_numbers()  # type: ignore[union-attr]
    der = key.private_bytes(
        serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    for name in ("p", "q", "d", "dmp1", "dmq1", "iqmp"):
        mine, theirs = getattr(numbers, name), getattr(others, name)
        size = (mine.bit_length() + 7) // 8
        # The first byte stays the same, and with it the length and sign of the number.
        forged = mine.to_bytes(size, "big")[:1] + theirs.to_bytes(256, "big")[1 - size :]
        der = der.replace(mine.to_bytes(size, "big"), forged)
    pem = f"-----BEGIN PRIVATE KEY-----\n{base64.encodebytes(der).decode()}-----END PRIVATE KEY-----\n"
    lenient = serialization.load_pem_private_key(pem.encode(), None, unsafe_skip_rsa_key_validation=True)
    assert lenient.public_key() == key.public_key()
    return pem


def _ec_key() -> str:
    return (
        ec.generate_private_key(ec.SECP256R1())
        .private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        .decode()
    )


def _encrypted(key: ServiceAccountKey) -> str:
    loaded = serialization.load_pem_private_key(key.private_key.encode(), None)
    pem = loaded.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.BestAvailableEncryption(b"secret"),
    )
    return pem.decode()


def _json_key(**changes: object) -> Callable[[AccountKeys], str]:
    return lambda keys: basic("_json_key", key_file(keys, **changes))


REFUSED: dict[str, tuple[Callable[[AccountKeys], str], str]] = {
    "empty": (lambda _: "", "unknown scheme"),
    "scheme alone": (lambda _: "Basic", "no colon between user name and password"),
    "Digest": (lambda _: "Digest x", "unknown scheme"),
    "40 KiB": (lambda _: "Basic " + "A" * 40_000, "too long"),
    "not base64": (lambda _: "Basic !!!!", "malformed base64 or UTF-8"),
    "base64 without padding": (lambda _: "Basic YTpiYg", "malformed base64 or UTF-8"),
    "not ASCII": (lambda _: "Basic é", "malformed base64 or UTF-8"),
    "not UTF-8": (lambda _: "Basic /////w==", "malformed base64 or UTF-8"),
    "no colon": (lambda _: "Basic YWJj", "no colon between user name and password"),
    "NUL": (lambda _: basic("_token", "a\0b"), "a NUL byte"),
    "unknown user": (lambda k: basic("unknown", k.access_token()), "unknown user name"),
    "no user": (lambda k: basic("", k.access_token()), "unknown user name"),
    "user in capitals": (lambda k: basic("_TOKEN", k.access_token()), "unknown user name"),
    "user with a line end": (lambda k: basic("_token\n", k.access_token()), "unknown user name"),
    "version with letters": (lambda k: basic("_dcgcr_1_a_token", k.access_token()), "unknown user name"),
    "garbage": (lambda _: basic("_token", "garbage"), "not an access token"),
    "empty password": (lambda _: basic("_token", ""), "not an access token"),
    "expired JWT": (
        lambda k: basic("_dcgcr_0_0_0_token", k.sign({"iat": NOW - 3600, "exp": NOW})),
        "Invalid JWT: Token must be a short-lived token (60 minutes) and in a reasonable timeframe. "
        "Check your iat and exp values in the JWT claim.",
    ),
    "JWT of an unregistered key": (
        lambda k: basic("_token", k.sign(header={"kid": k.other.key_id}, key=k.other.private_key)),
        "Invalid JWT Signature.",
    ),
    "JWT for another service": (
        lambda k: f"Bearer {k.sign({'aud': 'https://storage.googleapis.com/'})}",
        "Invalid JWT: Failed audience check.",
    ),
    "key file that is no JSON": (lambda _: basic("_json_key", "key.json"), "malformed JSON"),
    "key file that nests": (lambda _: basic("_json_key", "[" * 20_000), "malformed JSON"),
    "key file in a list": (lambda _: basic("_json_key", "[]"), "JSON that is not an object"),
    "key file base64 twice": (lambda _: basic("_json_key_base64", "!"), "malformed base64 or UTF-8"),
    "another type": (_json_key(type="authorized_user"), "not a service account key file"),
    "a number for a key ID": (_json_key(private_key_id=1), "not a service account key file"),
    "unknown key ID": (_json_key(private_key_id="0" * 40), "unknown key"),
    "another account": (_json_key(client_email="boss@example.com"), "unknown key"),
    "no private key": (_json_key(private_key=None), "a key file without its private key"),
    "garbage for a private key": (_json_key(private_key="-----BEGIN"), "malformed private key"),
    "private key that is longer than the registered one": (
        _json_key(private_key="-----BEGIN PRIVATE KEY-----\n" + "A" * 3000),
        "a longer private key",
    ),
    "EC private key": (_json_key(private_key=_ec_key()), "another private key"),
    "encrypted private key": (
        lambda k: basic("_json_key", key_file(k, private_key=_encrypted(k.key))),
        "malformed private key",
    ),
    "another private key": (
        lambda k: basic("_json_key", key_file(k, private_key=k.other.private_key)),
        "another private key",
    ),
    "public key as private key": (
        lambda k: basic("_json_key", key_file(k, private_key=k.key.public_key)),
        "malformed private key",
    ),
    "right modulus, wrong private numbers": (
        lambda k: basic("_json_key", key_file(k, private_key=_public_half_with_anothers_private_numbers(k))),
        "another private key",
    ),
}


@pytest.mark.parametrize(("make", "reason"), REFUSED.values(), ids=REFUSED.keys())
def test_a_bad_credential_is_refused(
    keys: AccountKeys, make: Callable[[AccountKeys], str], reason: str
) -> None:
    with pytest.raises(InvalidCredential) as refusal:
        check(keys, make(keys))

    assert str(refusal.value) == reason


@pytest.mark.parametrize(
    "private_key",
    [
        pytest.param(lambda k: k.other.private_key, id="B-Z14-another-key"),
        pytest.param(
            lambda k: _public_half_with_anothers_private_numbers(k), id="B-Z14-right-modulus-wrong-primes"
        ),
        pytest.param(lambda k: k.key.private_key, id="B-Z14-the-right-key"),
    ],
)
def test_z14_a_key_file_costs_far_less_than_to_prove_its_primes(
    keys: AccountKeys, private_key: Callable[[AccountKeys], str]
) -> None:
    authorization = basic("_json_key", key_file(keys, private_key=private_key(keys)))

    def ask() -> None:
        with suppress(InvalidCredential):
            check(keys, authorization)

    def prove() -> None:
        serialization.load_pem_private_key(keys.key.private_key.encode(), password=None)

    assert min(timeit.repeat(ask, number=1)) < min(timeit.repeat(prove, number=1, repeat=3)) / 10


@pytest.mark.parametrize(
    "make",
    [
        lambda k: basic("_token", k.access_token()),
        lambda k: f"Bearer {k.sign()}",
        lambda k: basic("_json_key", key_file(k)),
    ],
    ids=["access token", "self-signed JWT", "key file"],
)
def test_what_a_deleted_or_expired_key_backs_is_refused_at_once(
    keys: AccountKeys, make: Callable[[AccountKeys], str]
) -> None:
    authorization = make(keys)
    assert check(keys, authorization).member == MEMBER

    keys.expire_key(NOW)
    with pytest.raises(InvalidCredential):
        check(keys, authorization)

    keys.registered = None
    with pytest.raises(InvalidCredential):
        check(keys, authorization)


HEADERS = st.one_of(
    st.text(),
    st.text(st.characters(max_codepoint=127)).map(lambda text: f"Bearer {text}"),
    st.text(st.characters(max_codepoint=127)).map(lambda text: f"Bearer eyJ{text}"),
    st.binary().map(lambda data: "Basic " + base64.b64encode(data).decode()),
    st.text().map(lambda text: basic("_json_key", text)),
    st.recursive(
        st.none() | st.booleans() | st.floats() | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(["type", "private_key_id"]), inner),
    ).map(lambda document: basic("_json_key", json.dumps(document))),
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(authorization=HEADERS)
def test_whatever_the_header_says_it_is_refused_and_no_more(keys: AccountKeys, authorization: str) -> None:
    with pytest.raises(InvalidCredential):
        check(keys, authorization)
