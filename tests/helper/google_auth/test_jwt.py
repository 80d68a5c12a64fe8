"""JSON Web Tokens are equal to those of google-auth; a private key that cannot sign is refused."""

import base64
import json
from collections.abc import Callable
from typing import Any

import google.auth.jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from google.auth import crypt
from google.auth.crypt import RSASigner
from support.keys import format_private, format_public, make_certificate

from docker_credential_gcr.helper.google_auth import jwt

PKCS8, TRADITIONAL = serialization.PrivateFormat.PKCS8, serialization.PrivateFormat.TraditionalOpenSSL
NOW = 1_700_000_000
CLAIMS: dict[str, dict[str, str | int]] = {
    "an assertion": {"iss": "ci@p.iam", "scope": "a b", "aud": "http://h/token", "iat": NOW, "exp": NOW + 1},
    "text that JSON escapes": {"iss": 'é"\\\n\0\U0001f600', "iat": 0, "exp": -1},
    "nothing": {},
}
KEY_IDS: list[str | None] = ["0" * 40, None, ""]


@pytest.mark.parametrize("key_id", KEY_IDS, ids=repr)
@pytest.mark.parametrize("name", CLAIMS)
def test_the_token_says_what_google_auths_says_and_verifies(
    private_key: str, rsa_key: rsa.RSAPrivateKey, name: str, key_id: str | None
) -> None:
    signer: Any = RSASigner.from_string(private_key, key_id)  # type: ignore[no-untyped-call]
    theirs = google.auth.jwt.encode(signer, CLAIMS[name])  # type: ignore[no-untyped-call]

    ours = jwt.sign(private_key, key_id, CLAIMS[name])

    header, claims, _, _ = google.auth.jwt._unverified_decode(theirs)
    assert google.auth.jwt._unverified_decode(ours)[:2] == (header, claims)
    assert claims == CLAIMS[name]
    message, _, signature = ours.rpartition(".")
    assert signature == jwt.encode(signer.sign(message)).decode()  # PKCS #1 v1.5 signs one message in one way
    public = format_public(rsa_key)
    assert crypt.verify_signature(message, signer.sign(message), public)  # type: ignore[no-untyped-call]


def test_the_same_members_in_the_same_form_give_the_same_bytes(private_key: str) -> None:
    signer: Any = RSASigner.from_string(private_key, "1")  # type: ignore[no-untyped-call]
    header = {"typ": "JWT", "alg": "RS256", "kid": "1"}
    claims = CLAIMS["an assertion"]
    parts = [jwt.encode(json.dumps(part, separators=(",", ":")).encode()) for part in (header, claims)]
    message = b".".join(parts)

    assert jwt.sign(private_key, "1", claims).encode() == message + b"." + jwt.encode(signer.sign(message))


def encrypt(key: rsa.RSAPrivateKey, form: serialization.PrivateFormat) -> str:
    encryption = serialization.BestAvailableEncryption(b"password")
    return key.private_bytes(serialization.Encoding.PEM, form, encryption).decode()


def spoil(key: rsa.RSAPrivateKey, name: str, change: int = 2) -> str:
    """Returns the PEM of a key with one wrong number."""
    held = key.private_numbers()
    number: int = held.public_numbers.e if name == "e" else getattr(held, name)
    data = key.private_bytes(serialization.Encoding.DER, TRADITIONAL, serialization.NoEncryption())
    size = (number.bit_length() + 7) // 8
    old, new = number.to_bytes(size, "big"), (number + change).to_bytes(size, "big")
    text = base64.encodebytes(data.replace(old, new, 1)).decode()
    return f"-----BEGIN RSA PRIVATE KEY-----\n{text}-----END RSA PRIVATE KEY-----\n"


REFUSED: dict[str, tuple[Callable[[rsa.RSAPrivateKey], str], str]] = {
    "encrypted": (lambda key: encrypt(key, PKCS8), "is encrypted"),
    "encrypted in the traditional form": (lambda key: encrypt(key, TRADITIONAL), "is encrypted"),
    "no PEM": (lambda _: "x", "is not PEM"),
    "half of a surrogate pair": (lambda _: "\ud800", "is not PEM"),
    "cut": (lambda key: format_private(key)[:800], "is not PEM"),
    "a public key": (format_public, "is not PEM"),
    "a certificate": (make_certificate, "is not PEM"),
    "an elliptic curve's": (lambda _: format_private(ec.generate_private_key(ec.SECP256R1())), "is not RSA"),
    "Ed25519": (lambda _: format_private(ed25519.Ed25519PrivateKey.generate()), "is not RSA"),
    "an even p": (lambda key: spoil(key, "p", 1), "is not RSA"),
    "another p": (lambda key: spoil(key, "p"), "is not RSA"),
    "another q": (lambda key: spoil(key, "q"), "is not RSA"),
    "another d": (lambda key: spoil(key, "d"), "is not RSA"),
    "another e": (lambda key: spoil(key, "e"), "is not RSA"),
    "another dmp1": (lambda key: spoil(key, "dmp1"), "is not RSA"),
    "another dmq1": (lambda key: spoil(key, "dmq1"), "is not RSA"),
    "another iqmp": (lambda key: spoil(key, "iqmp"), "is not RSA"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_private_key_that_cannot_sign_is_refused_as_google_auth_refuses_it(
    rsa_key: rsa.RSAPrivateKey, name: str
) -> None:
    make, fault = REFUSED[name]
    pem = make(rsa_key)

    with pytest.raises(ValueError, match=f"^{fault}$"):
        jwt.sign(pem, None, {})

    with pytest.raises((ValueError, TypeError)):
        RSASigner.from_string(pem).sign(b"x")  # type: ignore[no-untyped-call]


def test_a_modulus_shorter_than_the_digest_is_refused() -> None:
    p, q, e = (1 << 127) - 1, (1 << 107) - 1, 65537  # two primes of Mersenne
    d = pow(e, -1, (p - 1) * (q - 1) // 2)
    public = rsa.RSAPublicNumbers(e, p * q)
    numbers = rsa.RSAPrivateNumbers(p, q, d, d % (p - 1), d % (q - 1), pow(q, -1, p), public)
    pem = format_private(numbers.private_key(unsafe_skip_rsa_key_validation=True))

    with pytest.raises(ValueError, match=r"^is not RSA$"):
        jwt.sign(pem, None, {})


@pytest.mark.parametrize("change", [{"p": 1}, {"q": 1}, {"p": 0}, {"e": 1}], ids=repr)
def test_factors_and_exponents_below_three_make_no_key(
    rsa_key: rsa.RSAPrivateKey, change: dict[str, int]
) -> None:
    held = rsa_key.private_numbers()
    modulus = held.public_numbers.n
    p, q = change.get("p", modulus), change.get("q", modulus)
    public = rsa.RSAPublicNumbers(change.get("e", 65537), p * q)

    assert not jwt.is_consistent(rsa.RSAPrivateNumbers(p, q, held.d, held.dmp1, held.dmq1, held.iqmp, public))
