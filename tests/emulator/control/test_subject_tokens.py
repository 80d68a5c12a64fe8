"""OpenID Connect issuer: it signs any claims for the operator, and publishes its key."""

import jwt
import pytest
import requests

NOW = 1_700_000_000


@pytest.fixture
def issuer(gcr_emulator):
    """Returns the issuer's URL, on an emulator whose clock is stopped."""
    gcr_emulator.clock.set(NOW)
    return f"{gcr_emulator.url}/_emulator/issuer"


def mint(issuer, document):
    answer = requests.post(f"{issuer}/tokens", json=document, timeout=30)
    assert answer.status_code == 200, answer.text
    assert list(answer.json()) == ["token"]
    return answer.json()["token"]


def read(issuer, token, audience):
    """Returns the claims, checked as any OpenID Connect client does."""
    configuration = requests.get(f"{issuer}/.well-known/openid-configuration", timeout=30).json()
    assert configuration == {
        "issuer": issuer,
        "jwks_uri": f"{issuer}/jwks",
        "response_types_supported": ["id_token"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["ES256"],
    }
    key = jwt.PyJWKClient(configuration["jwks_uri"]).get_signing_key_from_jwt(token)
    algorithms = configuration["id_token_signing_alg_values_supported"]
    options = {"verify_exp": False, "verify_iat": False}
    return jwt.decode(token, key, algorithms, options, audience=audience)


def test_a_token_is_the_issuers(issuer):
    claims = read(issuer, mint(issuer, {"subject": "ada", "audience": "x"}), "x")

    assert claims == {"iss": issuer, "sub": "ada", "aud": "x", "iat": NOW, "exp": NOW + 3600}


def test_claims_are_added_replaced_and_with_null_left_out(issuer):
    document = {
        "subject": "repo:o/r:ref:refs/heads/main",
        "audience": ["x", "y"],
        "lifetime_s": 60,
        "claims": {
            "iss": "https://token.actions.githubusercontent.com",
            "iat": None,
            "jti": "1",
            "ref": "main",
        },
    }

    assert read(issuer, mint(issuer, document), "y") == {
        "iss": "https://token.actions.githubusercontent.com",
        "sub": "repo:o/r:ref:refs/heads/main",
        "aud": ["x", "y"],
        "jti": "1",
        "exp": NOW + 60,
        "ref": "main",
    }


def test_a_query_mints_the_same_token(issuer):
    query = {"subject": "ada", "audience": "x", "claims": '{"ref": "main"}', "lifetime_s": "60"}

    answer = requests.get(f"{issuer}/tokens", params=query, timeout=30)

    claims = {"iss": issuer, "sub": "ada", "aud": "x", "iat": NOW, "exp": NOW + 60, "ref": "main"}
    assert read(issuer, answer.json()["token"], "x") == claims
    bad = requests.get(f"{issuer}/tokens?claims={{", timeout=30)
    assert (bad.status_code, bad.json()) == (400, {"error": f"claims is not JSON: {EXPECTS_NAME}"})


EXPECTS_NAME = "Expecting property name enclosed in double quotes: line 1 column 2 (char 1)"
FIELDS = "unknown field: known are audience, claims, lifetime_s, subject"
KEY = "expected the strings access_key_id, secret_access_key, arn, user_id, and perhaps session_token"
ARN = "arn is not of the form arn:aws:iam::ACCOUNT:user/NAME"
AWS = {
    "access_key_id": "AKIA",
    "secret_access_key": "s",
    "arn": "arn:aws:iam::123456789012:user/ada",
    "user_id": "A",
}


@pytest.mark.parametrize(
    ("name", "document", "message"),
    [
        ("tokens", [], "the body is not a JSON object"),
        ("tokens", {"sub": "ada"}, FIELDS),
        ("tokens", {"lifetime_s": 0}, "lifetime_s is not a whole number of seconds"),
        ("tokens", {"lifetime_s": True}, "lifetime_s is not a whole number of seconds"),
        ("tokens", {"lifetime_s": 1.5}, "lifetime_s is not a whole number of seconds"),
        ("tokens", {"claims": []}, "claims is not a JSON object"),
        ("tokens", {"subject": "a" * 9000}, "the claims are longer than 8192 characters"),
        ("awsKeys", [], "the body is not a JSON object"),
        ("awsKeys", {**AWS, "arn": 1}, KEY),
        ("awsKeys", {**AWS, "session_token": 1}, KEY),
        ("awsKeys", {**AWS, "arn": "arn:aws:s3:::bucket"}, ARN),
        ("awsKeys", {**AWS, "access_key_id": "A" * 129}, "access_key_id has more than AWS's 128 characters"),
    ],
)
def test_what_describes_nothing_is_refused(issuer, name, document, message):
    answer = requests.post(f"{issuer}/{name}", json=document, timeout=30)

    assert (answer.status_code, answer.json()) == (400, {"error": message})


def test_an_aws_key_is_registered_with_its_owner(issuer):
    answer = requests.post(f"{issuer}/awsKeys", json=AWS, timeout=30)

    identity = {"account": "123456789012", "arn": AWS["arn"], "userid": "A"}
    assert (answer.status_code, answer.json()) == (200, identity)


@pytest.mark.parametrize("name", ["tokens", "awsKeys"])
def test_only_the_operator_mints_subject_tokens(gcr_emulator, issuer, name):
    for headers, status in (
        ({"Origin": "https://evil.example"}, 401),
        ({"Authorization": f"Bearer {fetch_token(gcr_emulator)}"}, 403),
    ):
        assert requests.post(f"{issuer}/{name}", json={}, headers=headers, timeout=30).status_code == status


def fetch_token(gcr_emulator):
    """Returns an owner's access token, which is not the operator's."""
    from google.auth.transport.requests import Request
    from google.oauth2.service_account import Credentials

    gcr_emulator.clock.shift(0)
    scopes = ["https://www.googleapis.com/auth/cloud-platform"]
    credentials = Credentials.from_service_account_file(gcr_emulator.key("roles/owner"), scopes=scopes)
    credentials.refresh(Request())
    return credentials.token


def test_the_issuers_key_is_kept_over_a_reset(gcr_emulator, issuer):
    before = requests.get(f"{issuer}/jwks", timeout=30).json()
    gcr_emulator.reset()

    assert requests.get(f"{issuer}/jwks", timeout=30).json() == before
