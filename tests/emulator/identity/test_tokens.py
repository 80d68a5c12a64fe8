"""Tokens are accepted from their own signer, as their own kind, until they expire."""

import base64
import hashlib
import hmac
import json
from collections.abc import Callable

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from docker_credential_gcr.emulator.identity.tokens import AccessGrant, InvalidToken, RegistryGrant, Signer

NOW = 1_700_000_000
MEMBER = "serviceAccount:ci@my-project.iam.gserviceaccount.com"
ACCESS = AccessGrant(MEMBER, "k1", frozenset({"scope-a", "scope-b"}), NOW + 3600, NOW)
REGISTRY = RegistryGrant(
    None,
    None,
    frozenset(),
    "gcr.io",
    (("my-project/app", frozenset({"pull", "push"})), ("my-project/other", frozenset())),
    NOW + 3600,
    NOW,
)


@pytest.fixture(scope="module")
def signer() -> Signer:
    return Signer.generate()


def b64(document: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(document).encode()).rstrip(b"=").decode()


def test_an_access_token_comes_back_as_the_grant_it_was_made_of(signer: Signer) -> None:
    token = signer.sign_access(ACCESS, NOW)

    assert token.startswith("ya29.")
    assert signer.verify_access(token, NOW) == ACCESS


def test_a_registry_token_comes_back_as_the_grant_it_was_made_of(signer: Signer) -> None:
    token = signer.sign_registry(REGISTRY, NOW)

    assert base64.b64encode(base64.b64decode(token, validate=True)).decode() == token
    assert signer.verify_registry(token, NOW) == REGISTRY


def test_a_registry_token_for_a_hundred_repositories_is_accepted(signer: Signer) -> None:
    repositories = tuple((f"my-project/folder/image-{n}", frozenset({"pull", "push"})) for n in range(100))
    grant = RegistryGrant(MEMBER, "k1", frozenset({"a"}), "gcr.io", repositories, NOW + 60, NOW)

    assert signer.verify_registry(signer.sign_registry(grant, NOW), NOW) == grant


def test_a_remembered_token_expires_all_the_same(signer: Signer) -> None:
    access, registry = signer.sign_access(ACCESS, NOW), signer.sign_registry(REGISTRY, NOW)
    signer.verify_access(access, NOW + 3599)
    signer.verify_registry(registry, NOW + 3599)

    with pytest.raises(InvalidToken, match=r"^expired$"):
        signer.verify_access(access, NOW + 3600)
    with pytest.raises(InvalidToken, match=r"^expired$"):
        signer.verify_registry(registry, NOW + 3600)


def test_a_grant_that_has_ended_is_not_signed(signer: Signer) -> None:
    with pytest.raises(ValueError, match="an expired grant"):
        signer.sign_access(ACCESS, NOW + 3600)


def test_the_saved_signing_key_verifies_what_it_signed_before(signer: Signer) -> None:
    again = Signer.from_pem(signer.to_pem())

    assert again.verify_access(signer.sign_access(ACCESS, NOW), NOW) == ACCESS


@pytest.mark.parametrize(
    "key",
    [ec.generate_private_key(ec.SECP384R1()), rsa.generate_private_key(65537, 2048)],
    ids=["P-384", "RSA"],
)
def test_another_kind_of_signing_key_is_refused(key: ec.EllipticCurvePrivateKey) -> None:
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )

    with pytest.raises(ValueError, match="not an EC key on P-256"):
        Signer.from_pem(pem)


def _public_pem(signer: Signer) -> bytes:
    key = serialization.load_pem_private_key(signer.to_pem(), None)
    return key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )


def _claims(signer: Signer) -> dict[str, object]:
    token = signer.sign_access(ACCESS, NOW).removeprefix("ya29.")
    claims: dict[str, object] = jwt.decode(token, options={"verify_signature": False})
    return claims


def _resign(signer: Signer, header: dict[str, object], **changes: object) -> str:
    token = jwt.encode(
        {**_claims(signer), **changes},
        signer.to_pem(),
        algorithm="ES256",
        headers={"typ": "access+jwt", **header},
    )
    return f"ya29.{token}"


def _unsigned(signer: Signer) -> str:
    header = {"alg": "none", "typ": "access+jwt"}
    return f"ya29.{b64(header)}.{b64(_claims(signer))}."


def _hs256_with_the_public_key(signer: Signer) -> str:
    signed = f"{b64({'alg': 'HS256', 'typ': 'access+jwt'})}.{b64(_claims(signer))}"
    mac = hmac.new(_public_pem(signer), signed.encode(), hashlib.sha256).digest()
    return f"ya29.{signed}.{base64.urlsafe_b64encode(mac).rstrip(b'=').decode()}"


def _tampered(signer: Signer) -> str:
    header, _, signature = signer.sign_access(ACCESS, NOW).removeprefix("ya29.").split(".")
    return f"ya29.{header}.{b64({**_claims(signer), 'sub': 'user:root@example.com'})}.{signature}"


BAD_ACCESS_TOKENS: dict[str, Callable[[Signer], str]] = {
    "empty": lambda _: "",
    "prefix only": lambda _: "ya29.",
    "no JWS": lambda _: "ya29.garbage",
    "not ASCII": lambda _: "ya29.é",
    "20 KiB": lambda signer: signer.sign_access(ACCESS, NOW) + "A" * 20_000,
    "deep JSON": lambda _: "ya29." + base64.urlsafe_b64encode(b"[" * 9000).decode().rstrip("=") + ".e30.AA",
    "without its prefix": lambda signer: signer.sign_access(ACCESS, NOW).removeprefix("ya29."),
    "alg none": _unsigned,
    "HS256 with the public key": _hs256_with_the_public_key,
    "tampered": _tampered,
    "another signer": lambda _: Signer.generate().sign_access(ACCESS, NOW),
    "embedded jwk": lambda signer: _resign(signer, {"jwk": {"kty": "EC"}}),
    "jku": lambda signer: _resign(signer, {"jku": "https://example.com/keys"}),
    "x5u": lambda signer: _resign(signer, {"x5u": "https://example.com/cert"}),
    "typ of the other kind": lambda signer: _resign(signer, {"typ": "registry+jwt"}),
    "another audience": lambda signer: _resign(signer, {}, aud="gcr-emulator/registry"),
    "a registry token": lambda signer: signer.sign_registry(REGISTRY, NOW),
    "a registry token, unwrapped": lambda signer: (
        "ya29." + base64.b64decode(signer.sign_registry(REGISTRY, NOW)).decode()
    ),
}


@pytest.mark.parametrize("make", BAD_ACCESS_TOKENS.values(), ids=BAD_ACCESS_TOKENS.keys())
def test_a_bad_access_token_is_refused_without_being_repeated(
    signer: Signer, make: Callable[[Signer], str]
) -> None:
    token = make(signer)

    with pytest.raises(InvalidToken) as refusal:
        signer.verify_access(token, NOW)

    assert not token or token not in str(refusal.value)


BAD_REGISTRY_TOKENS: dict[str, Callable[[Signer], str]] = {
    "empty": lambda _: "",
    "not base64": lambda _: "#",
    "not ASCII inside": lambda _: base64.b64encode(b"\xff\xfe").decode(),
    "40 KiB": lambda _: "A" * 40_000,
    "an access token": lambda signer: signer.sign_access(ACCESS, NOW),
    "an access token, wrapped": lambda signer: base64.b64encode(
        signer.sign_access(ACCESS, NOW).removeprefix("ya29.").encode()
    ).decode(),
    "another signer": lambda _: Signer.generate().sign_registry(REGISTRY, NOW),
}


@pytest.mark.parametrize("make", BAD_REGISTRY_TOKENS.values(), ids=BAD_REGISTRY_TOKENS.keys())
def test_a_bad_registry_token_is_refused(signer: Signer, make: Callable[[Signer], str]) -> None:
    token = make(signer)

    with pytest.raises(InvalidToken):
        signer.verify_registry(token, NOW)
