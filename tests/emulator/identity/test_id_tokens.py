"""ID tokens: verified with the published keys, and refused if they are any other token."""

import json
from typing import Any

import jwt
import pytest

from docker_credential_gcr.emulator.identity.id_tokens import IdTokenSigner, hash_access_token
from docker_credential_gcr.emulator.identity.tokens import InvalidToken

NOW = 1_700_000_000
AccountKeys = Any


@pytest.fixture
def signer(keys: AccountKeys) -> IdTokenSigner:
    pem = keys.key.private_key.encode()
    return IdTokenSigner(lambda: pem)


def test_a_token_says_who_for_an_hour(signer: IdTokenSigner) -> None:
    token = signer.sign({"sub": "1", "aud": "a"}, NOW + 0.9)

    claims = {"iss": "https://accounts.google.com", "sub": "1", "aud": "a", "iat": NOW, "exp": NOW + 3600}
    assert signer.verify(token, NOW + 3599) == claims
    assert jwt.get_unverified_header(token) == {"alg": "RS256", "typ": "JWT", "kid": signer.key_id}
    with pytest.raises(InvalidToken, match="expired"):
        signer.verify(token, NOW + 3600)


def test_a_token_of_another_key_or_algorithm_is_refused(signer: IdTokenSigner, keys: AccountKeys) -> None:
    claims, header = {"exp": NOW + 1}, {"kid": signer.key_id}
    forged = [
        jwt.encode(claims, keys.other.private_key, "RS256", header),
        jwt.encode(claims, "secret" * 8, "HS256", header),
        jwt.encode(claims, None, "none", header),  # type: ignore[arg-type]
        "eyJ",
    ]
    for token in forged:
        with pytest.raises(InvalidToken):
            signer.verify(token, NOW)


def test_the_key_is_loaded_once_and_not_before_it_is_needed(keys: AccountKeys) -> None:
    loads = []

    def load() -> bytes:
        loads.append(1)
        pem: bytes = keys.key.private_key.encode()
        return pem

    signer = IdTokenSigner(load)
    assert loads == []
    signer.sign({}, NOW)
    signer.format_jwks()
    assert loads == [1]


def test_every_worker_publishes_the_same(keys: AccountKeys) -> None:
    pem = keys.key.private_key.encode()
    signers = [IdTokenSigner(lambda: pem) for _ in range(2)]

    published = {json.dumps([signer.format_jwks(), signer.format_certificates()]) for signer in signers}

    assert len(published) == 1


def test_an_access_token_is_hashed_as_openid_connect_says() -> None:
    # https://openid.net/specs/openid-connect-core-1_0.html#id_token-tokenExample
    assert hash_access_token("jHkWEdUXMU1BwAsC4vtUsZwnNvTIxEl0z9K3vx5KF0Y") == "77QmUPtjPfzWtF2AnpK9RQ"
