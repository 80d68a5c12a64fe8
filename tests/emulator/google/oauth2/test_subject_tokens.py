"""Subject tokens with any fault, or without their issuer's signature, are refused."""

import base64
import hashlib
import hmac
import json
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa

Apis = Any
Federation = Any
NOW = 1_700_000_000
ISSUER = "https://issuer.example"


def format_jwks(*keys: Any) -> str:
    """Returns the public keys as a set; the key IDs are k0, k1, …"""
    documents = []
    for number, key in enumerate(keys):
        algorithm = jwt.get_algorithm_by_name("RS256" if isinstance(key, rsa.RSAPublicKey) else "ES256")
        documents.append({**algorithm.to_jwk(key, as_dict=True), "kid": f"k{number}"})
    return json.dumps({"keys": documents})


UNREAD = "Unable to parse the ID Token."
UNSIGNED = "Invalid ID Token signature."
STALE = f"ID Token issued at {NOW} is stale to sign-in."
TIMES = "The ID Token must have the claims iat and exp."


@pytest.mark.parametrize(
    ("claims", "description"),
    [
        (
            {"iss": "https://evil.example"},
            f"The issuer in ID Token https://evil.example does not match the expected ones: [{ISSUER}].",
        ),
        ({"iss": None}, f"The issuer in ID Token None does not match the expected ones: [{ISSUER}]."),
        ({"exp": NOW}, STALE),
        ({"exp": NOW - 1}, STALE),
        ({"exp": NOW + 86401}, "The lifetime of the ID Token must be at most 24 hours."),
        (
            {"iat": NOW + 61, "exp": NOW + 3600},
            f"ID Token issued at {NOW + 61} is stale to sign-in.",
        ),
        ({"nbf": NOW + 61}, "The ID Token is not valid yet."),
        ({"nbf": "soon"}, "The ID Token is not valid yet."),
        ({"iat": None}, TIMES),
        ({"exp": None}, TIMES),
        ({"exp": "soon"}, TIMES),
        ({"exp": float("inf")}, UNREAD),
        ({"exp": 10**400}, UNREAD),
        ({"iat": 10**400}, UNREAD),
        ({"nbf": 10**400}, UNREAD),
        ({"sub": "\ud800"}, UNREAD),
        ({"iat": True}, TIMES),
        ({"sub": None}, "Could not obtain a value for google.subject from the given credential."),
    ],
)
def test_a_token_that_says_something_wrong_is_refused(
    federation: Federation, claims: dict[str, Any], description: str
) -> None:
    federation.set_provider()

    reply = federation.exchange(federation.mint(**claims))

    assert (reply.status, reply.body) == federation.refused("invalid_grant", description)


@pytest.mark.parametrize("audience", ["https://evil.example", None, 1, [], ["a", "b"]])
def test_a_token_for_another_audience_is_refused(federation: Federation, audience: object) -> None:
    federation.set_provider()

    reply = federation.exchange(federation.mint(aud=audience))

    shown = ", ".join(audience) if isinstance(audience, list) else audience
    own = f"iam.googleapis.com/{federation.provider}"
    assert (reply.status, reply.body) == federation.refused(
        "invalid_grant",
        f"The audience in ID Token [{shown}] does not match the expected audience https://{own} or //{own}.",
    )


def test_allowed_audiences_stand_in_place_of_the_providers_own(federation: Federation) -> None:
    federation.set_provider(oidc={"issuerUri": ISSUER, "allowedAudiences": ["one", "two"]})

    assert federation.exchange(federation.mint(aud=["x", "two"])).status == 200
    reply = federation.exchange(federation.mint())
    own = f"https://iam.googleapis.com/{federation.provider}"
    assert reply.body["error_description"] == (
        f"The audience in ID Token [{own}] does not match the expected audience one or two."
    )


def test_a_token_with_a_jti_is_taken_once_at_each_provider(apis: Apis, federation: Federation) -> None:
    federation.set_provider()
    token = federation.mint(jti="1")

    assert federation.exchange(token).status == 200

    reply = federation.exchange(token)
    description = "The ID Token has been exchanged before: get a new one, gcr-emulator accepts a jti once."
    assert (reply.status, reply.body) == federation.refused("invalid_grant", description)
    assert federation.exchange(federation.mint(jti="2")).status == 200
    # The jti is stored until the token expires.
    apis.clock.set(NOW + 3600)
    assert federation.exchange(federation.mint(jti="1", iat=NOW + 3600, exp=NOW + 7200)).status == 200


@pytest.mark.parametrize("claims", [{}, {"jti": "1", "kubernetes.io": {}}], ids=["no jti", "Kubernetes"])
def test_a_token_that_is_read_from_a_file_again_and_again_is_taken_so(
    federation: Federation, claims: dict[str, Any]
) -> None:
    federation.set_provider()
    token = federation.mint(**claims)

    assert [federation.exchange(token).status for _ in range(2)] == [200, 200]


def test_a_condition_that_is_not_met_refuses(federation: Federation) -> None:
    federation.set_provider(attributeCondition="assertion.sub != 'ada' && google.subject == 'bob'")

    assert federation.exchange(federation.mint(sub="bob")).status == 200
    reply = federation.exchange(federation.mint())
    description = "The given credential is rejected by the attribute condition."
    assert (reply.status, reply.body) == federation.refused("unauthorized_client", description, 401)


@pytest.mark.parametrize("condition", ["assertion.no == 'x'", "assertion.sub", "size(1) == 1"])
def test_a_condition_without_a_truth_value_refuses(federation: Federation, condition: str) -> None:
    federation.set_provider(attributeCondition=condition)

    assert federation.exchange(federation.mint()).body["error"] == "unauthorized_client"


@pytest.mark.parametrize("character", ["\n", "\r", "\x01", "\x7f", "\x85", "\u2028"], ids=ascii)
@pytest.mark.parametrize("target", ["google.subject", "google.groups", "attribute.a"])
def test_z22_a_name_with_control_characters_is_refused(
    federation: Federation, target: str, character: str
) -> None:
    expression = "[assertion.a]" if target == "google.groups" else "assertion.a"
    federation.set_provider(attributeMapping={"google.subject": "assertion.sub", target: expression})

    reply = federation.exchange(federation.mint(a=f"f{character}BUCKET"))

    description = f"The mapped attribute '{target}' must not contain control characters."
    assert (reply.status, reply.body) == federation.refused("invalid_request", description)
    assert federation.exchange(federation.mint(a="for ada é")).status == 200


@pytest.mark.parametrize(
    ("mapping", "error", "description", "status"),
    [
        (
            {"google.subject": "assertion.sub == 'ada'"},
            "unauthorized_client",
            "The mapped attribute 'google.subject' must be of type STRING.",
            401,
        ),
        (
            {"attribute.iat": "assertion.iat"},
            "unauthorized_client",
            "The mapped attribute 'attribute.iat' must be of type STRING.",
            401,
        ),
        (
            {"google.groups": "assertion.sub"},
            "unauthorized_client",
            "The mapped attribute 'google.groups' must be of type LIST of STRING.",
            401,
        ),
        (
            {"google.subject": f"assertion.sub + '{'x' * 125}'"},
            "invalid_request",
            "The size of mapped attribute google.subject exceeds the 127 bytes limit. Either modify your "
            "attribute mapping or the incoming assertion to produce a mapped attribute that is less than "
            "127 bytes.",
            400,
        ),
        (
            {f"attribute.a{number}": f"'{'x' * 1500}'" for number in range(3)},
            "invalid_request",
            "The total size of the mapped attributes exceeds the 4096 bytes limit.",
            400,
        ),
    ],
)
def test_a_mapping_to_what_no_attribute_can_be_refuses(
    federation: Federation, mapping: dict[str, str], error: str, description: str, status: int
) -> None:
    federation.set_provider(attributeMapping={"google.subject": "assertion.sub", **mapping})

    reply = federation.exchange(federation.mint())

    assert (reply.status, reply.body) == federation.refused(error, description, status)


@pytest.mark.parametrize("algorithm", ["RS256", "ES256"])
def test_a_providers_own_keys_verify_its_tokens_alone(
    federation: Federation, rsa_key: rsa.RSAPrivateKey, algorithm: str
) -> None:
    keys = [rsa_key, ec.generate_private_key(ec.SECP256R1())]
    jwks = format_jwks(*(key.public_key() for key in keys))
    federation.set_provider(oidc={"issuerUri": ISSUER, "jwksJson": jwks})
    number = ["RS256", "ES256"].index(algorithm)
    claims = jwt.decode(federation.mint(), options={"verify_signature": False})

    signed = jwt.encode(claims, keys[number], algorithm, {"kid": f"k{number}"})

    assert federation.exchange(signed).status == 200
    # The emulator's issuer, another key of the set, and no key.
    wrong = [
        federation.mint(),
        jwt.encode(claims, keys[number], algorithm, {"kid": f"k{1 - number}"}),
        jwt.encode(claims, keys[number], algorithm),
    ]
    for token in wrong:
        reply = federation.exchange(token)
        assert (reply.status, reply.body) == federation.refused("invalid_grant", UNSIGNED)


# Keys that cannot be used to verify.
OTHER_KEYS: dict[str, Any] = {
    "oct": {"kty": "oct", "kid": "x", "k": "c2VjcmV0"},
    "OKP": {"kty": "OKP", "crv": "Ed25519", "kid": "x", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"},
    "P-384": {
        "kty": "EC",
        "crv": "P-384",
        "kid": "x",
        "x": "l8DhzHVcNZ3JMzV_xPQQk4LGIMfzNEqEcQTYcEQOXlnAEKdxDfNRtdqS4DVNGMM5",
        "y": "xKRDZpxCZh_aqXPgGpSIYMrjWfFvpLKKNpkTW51FOiPfE0V7tGUFQCzMW1J6XLEd",
    },
    "an unknown type": {"kty": "AKP", "kid": "x"},
    "no type": {"kid": "x"},
    "no modulus": {"kty": "RSA", "kid": "x", "e": "AQAB"},
    "numbers": {"kty": "RSA", "kid": "x", "n": 1, "e": 2},
    "no algorithm": {"kty": "RSA", "kid": "x", "alg": "none", "n": "AQAB", "e": "AQAB"},
    "an empty object": {},
    "no object": 1,
}


@pytest.mark.parametrize("other", OTHER_KEYS.values(), ids=[f"K-Z73-{name}" for name in OTHER_KEYS])
def test_a_key_that_cannot_be_used_does_not_spoil_the_set(
    federation: Federation, rsa_key: rsa.RSAPrivateKey, other: Any
) -> None:
    (usable,) = json.loads(format_jwks(rsa_key.public_key()))["keys"]
    without_id = {name: value for name, value in usable.items() if name != "kid"}
    jwks = json.dumps({"keys": [other, without_id, usable]})
    federation.set_provider(oidc={"issuerUri": ISSUER, "jwksJson": jwks})
    claims = jwt.decode(federation.mint(), options={"verify_signature": False})

    assert federation.exchange(jwt.encode(claims, rsa_key, "RS256", {"kid": "k0"})).status == 200
    reply = federation.exchange(jwt.encode(claims, rsa_key, "RS256", {"kid": "x"}))
    assert (reply.status, reply.body) == federation.refused("invalid_grant", UNSIGNED)


def forge(claims: dict[str, Any], header: dict[str, Any], secret: bytes = b"") -> str:
    """Returns an attacker's JWT, signed with HMAC if there is a secret."""
    parts = [
        base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode() for part in (header, claims)
    ]
    text = ".".join(parts)
    signature = hmac.digest(secret, text.encode(), hashlib.sha256) if secret else b""
    return f"{text}.{base64.urlsafe_b64encode(signature).rstrip(b'=').decode()}"


def test_a_forged_token_is_refused(
    federation: Federation, rsa_key: rsa.RSAPrivateKey, other_rsa_key: rsa.RSAPrivateKey
) -> None:
    jwks = format_jwks(rsa_key.public_key())
    federation.set_provider(oidc={"issuerUri": ISSUER, "jwksJson": jwks})
    claims = jwt.decode(federation.mint(), options={"verify_signature": False})
    own_jwk = json.loads(format_jwks(other_rsa_key.public_key()))["keys"][0]
    forged = [
        (forge(claims, {"alg": "none", "kid": "k0"}), UNSIGNED),
        (forge(claims, {"alg": "HS256", "kid": "k0"}, jwks.encode()), UNSIGNED),
        (jwt.encode(claims, other_rsa_key, "RS256", {"kid": "k0", "jwk": own_jwk}), UNSIGNED),
        (jwt.encode(claims, other_rsa_key, "RS256", {"kid": "k0", "jku": "https://evil.example"}), UNSIGNED),
        (jwt.encode(claims, rsa_key, "PS256", {"kid": "k0"}), UNSIGNED),
        (jwt.encode(claims, rsa_key, "RS256", {"kid": "k0", "crit": ["x"], "x": 1}), UNREAD),
        ("no token", UNREAD),
    ]

    for token, description in forged:
        reply = federation.exchange(token)
        assert (reply.status, reply.body) == federation.refused("invalid_grant", description), token


def test_a_real_token_of_an_issuer_whose_keys_are_not_here_is_refused_and_nothing_is_fetched(
    federation: Federation, rsa_key: rsa.RSAPrivateKey
) -> None:
    federation.set_provider()
    claims = jwt.decode(federation.mint(), options={"verify_signature": False})

    reply = federation.exchange(jwt.encode(claims, rsa_key, "RS256", {"kid": "theirs"}))

    assert (reply.status, reply.body) == federation.refused(
        "invalid_grant",
        "Error connecting to the given credential's issuer. gcr-emulator fetches no keys: give the provider "
        "the issuer's jwksJson, or let the emulator's own issuer mint the token.",
    )
