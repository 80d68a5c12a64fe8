"""Malformed credentials: wrong members of tokens and key files are refused wherever they are accepted."""

import base64
import json
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any
from urllib.parse import urlencode

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from support.keys import format_private

from .examples import ACCOUNT, CLOUD_PLATFORM
from .values import list_mutations

Server = Any
NOW = 1_700_000_000
FORM = {"content-type": "application/x-www-form-urlencoded"}
POOL = "projects/{number}/locations/global/workloadIdentityPools/outside/providers/issuer"
TIMES = {"iat": NOW, "exp": NOW + 3600, "nbf": NOW}


@pytest.fixture
def closed(make_emulator: Callable[..., Server], rsa_key: rsa.RSAPrivateKey) -> Iterator[Server]:
    """Returns an emulator with a fixed clock that needs credentials, with one resource of each kind."""
    with closing(make_emulator(is_open=True)) as made:
        made.add_one_of_everything(rsa_key)
        places = made.places
    with closing(make_emulator(is_open=False)) as made:
        made.places = places
        made.call("PUT", "/_emulator/clock", {"now": NOW})
        yield made


def encode(data: bytes | str) -> str:
    data = data.encode() if isinstance(data, str) else data
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def sign(key: Any, header: str, claims: str) -> str:
    """Returns a JWT of any JSON."""
    signed = f"{encode(header)}.{encode(claims)}"
    if isinstance(key, rsa.RSAPrivateKey):
        signature = key.sign(signed.encode(), padding.PKCS1v15(), hashes.SHA256())
    else:
        numbers = decode_dss_signature(key.sign(signed.encode(), ec.ECDSA(hashes.SHA256())))
        signature = b"".join(number.to_bytes(32, "big") for number in numbers)
    return f"{signed}.{encode(signature)}"


def list_tokens(key: Any, header: dict[str, Any], claims: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Yields (what is wrong, token) for each malformed member of either part, validly signed."""
    for wrong, text in list_mutations(claims):
        yield f"claims: {wrong}", sign(key, json.dumps(header), text)
    for wrong, text in list_mutations(header):
        yield f"header: {wrong}", sign(key, text, json.dumps(claims))


def list_assertions(server: Server, key: rsa.RSAPrivateKey) -> Iterator[tuple[str, str]]:
    header = {"alg": "RS256", "typ": "JWT", "kid": server.places["key"]}
    claims = {
        "iss": ACCOUNT,
        "sub": ACCOUNT,
        "aud": "https://oauth2.googleapis.com/token",
        "scope": CLOUD_PLATFORM,
        **TIMES,
    }
    yield from list_tokens(key, header, claims)


def test_z23_z24_a_malformed_assertion_is_an_invalid_grant(
    closed: Server, rsa_key: rsa.RSAPrivateKey
) -> None:
    grant_type = "urn:ietf:params:oauth:grant-type:jwt-bearer"
    for wrong, token in list_assertions(closed, rsa_key):
        form = urlencode({"grant_type": grant_type, "assertion": token})
        reply = closed.send("POST", "/token", form.encode(), FORM)
        assert is_answer_to_grant(reply), (wrong, reply)


def is_answer_to_grant(reply: Any) -> bool:
    """Returns whether it is tokens, an error of RFC 6749 section 5.2, or a body that is too large."""
    if reply.status in (200, 413):
        return True
    return reply.status in (400, 401) and reply.body.keys() == {"error", "error_description"}


def basic(user: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


def test_z23_z24_a_malformed_self_signed_token_is_no_credential(
    closed: Server, rsa_key: rsa.RSAPrivateKey
) -> None:
    for wrong, token in list_assertions(closed, rsa_key):
        for url, authorization in (
            ("/v1/projects/my-project", f"Bearer {token}"),
            ("/_emulator/journal", f"Bearer {token}"),
            ("/v2/", f"Bearer {token}"),
            ("/v2/token", basic("_token", token)),
        ):
            reply = closed.send("GET", url, headers={"authorization": authorization})
            assert reply.status in (200, 401, 403), (wrong, url, reply)
            assert "error" in reply.body or "errors" in reply.body or reply.status == 200, (wrong, url, reply)


def test_z23_z24_a_malformed_key_file_is_no_credential(closed: Server, rsa_key: rsa.RSAPrivateKey) -> None:
    file = {
        "type": "service_account",
        "project_id": "my-project",
        "private_key_id": closed.places["key"],
        "private_key": format_private(rsa_key),
        "client_email": ACCOUNT,
    }
    for wrong, text in list_mutations(file):
        if len(text) < 20_000:
            for user, password in (("_json_key", text), ("_json_key_base64", encode_plain(text))):
                reply = closed.send("GET", "/v2/token", headers={"authorization": basic(user, password)})
                assert reply.status in (200, 401), (wrong, user, reply)


def encode_plain(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def list_subject_tokens(server: Server) -> Iterator[tuple[str, str]]:
    number = server.call("GET", "/v1/projects/my-project")["projectNumber"]
    audience = f"https://iam.googleapis.com/{POOL.format(number=number)}"
    claims = {"iss": "https://issuer.example", "sub": "ada", "aud": [audience], "jti": "j", **TIMES}
    issuer = server.emulator._issuer
    header = {"alg": "ES256", "typ": "JWT", "kid": issuer.public_key.key_id}
    yield from list_tokens(issuer._key, header, claims)


def test_z23_z24_a_malformed_subject_token_is_refused(closed: Server) -> None:
    number = closed.call("GET", "/v1/projects/my-project")["projectNumber"]
    fields = {
        "grantType": "urn:ietf:params:oauth:grant-type:token-exchange",
        "audience": f"//iam.googleapis.com/{POOL.format(number=number)}",
        "scope": CLOUD_PLATFORM,
        "requestedTokenType": "urn:ietf:params:oauth:token-type:access_token",
        "subjectTokenType": "urn:ietf:params:oauth:token-type:jwt",
    }
    statuses = set()
    for wrong, token in list_subject_tokens(closed):
        body = json.dumps({**fields, "subjectToken": token}).encode()
        reply = closed.send("POST", "/v1/token", body, {"content-type": "application/json"})
        assert is_answer_to_grant(reply), (wrong, reply)
        statuses.add(reply.status)
    # A subject that is not a string counts as a missing mapped attribute: 401, as Google answers.
    assert statuses == {200, 400, 401}


def test_z23_z24_a_malformed_request_of_aws_is_refused(closed: Server) -> None:
    providers = "/v1/projects/my-project/locations/global/workloadIdentityPools/outside/providers"
    settings = {"aws": {"accountId": "123456789012"}}
    closed.call("POST", f"{providers}?workloadIdentityPoolProviderId=amazon", settings)
    number = closed.call("GET", "/v1/projects/my-project")["projectNumber"]
    audience = f"//iam.googleapis.com/{POOL.format(number=number)}".replace("issuer", "amazon")
    signed = {
        "url": "https://sts.us-east-1.amazonaws.com?Action=GetCallerIdentity&Version=2011-06-15",
        "method": "POST",
        "headers": [
            {
                "key": "Authorization",
                "value": "AWS4-HMAC-SHA256 Credential=AKIA/20231114/us-east-1/sts/aws4_request, "
                f"SignedHeaders=host, Signature={'0' * 64}",
            },
            {"key": "host", "value": "sts.us-east-1.amazonaws.com"},
            {"key": "x-amz-date", "value": "20231114T000000Z"},
            {"key": "x-goog-cloud-target-resource", "value": audience},
        ],
    }
    form = {
        "grant_type": "urn:ietf:params:oauth:grant-type:token-exchange",
        "audience": audience,
        "scope": CLOUD_PLATFORM,
        "requested_token_type": "urn:ietf:params:oauth:token-type:access_token",
        "subject_token_type": "urn:ietf:params:aws:token-type:aws4_request",
    }
    for wrong, text in list_mutations(signed):
        if len(text) < 20_000:
            body = urlencode({**form, "subject_token": text}).encode()
            reply = closed.send("POST", "/v1/token", body, FORM)
            assert reply.status == 400, (wrong, reply)
            assert reply.body.keys() == {"error", "error_description"}, (wrong, reply)
