"""OpenID Connect issuer under /_emulator/issuer: it signs subject tokens for workload identity federation.

POST tokens   {"subject": "repo:octo-org/octo-repo:ref:refs/heads/main", "audience": "https://…",
               "claims": {"iss": "https://token.actions.githubusercontent.com"}, "lifetime_s": 300}
200           {"token": "eyJ…"}
GET  tokens?subject=ada&audience=https://…   the same, for clients that can only GET a URL
POST awsKeys  {"access_key_id": "AKIA…", "secret_access_key": "…", "session_token": "…",
               "arn": "arn:aws:iam::123456789012:user/ada", "user_id": "AIDA…"}
"""

import re
from collections.abc import Mapping
from typing import Any

from docker_credential_gcr.emulator.identity.federation.aws_sigv4 import AccessKey
from docker_credential_gcr.emulator.runtime import strict_json

ISSUER_PATH = "/_emulator/issuer"
_LIFETIME_S = 3600
_FIELDS = {"subject", "audience", "claims", "lifetime_s"}
_ARN = re.compile(r"arn:aws:(?:iam|sts)::([0-9]{12}):[!-~]{1,1000}", re.ASCII)
# PyJWT and other readers refuse larger ones.
_MAX_SIZE = 8 * 1024
# https://docs.aws.amazon.com/IAM/latest/APIReference/API_AccessKey.html; PostgreSQL indexes no text of 3 KiB.
_MAX_KEY_ID_SIZE = 128


class InvalidTokenRequest(ValueError):
    """The document does not describe a token, or an AWS access key."""


def format_configuration(issuer: str) -> dict[str, object]:
    """Returns OpenID Connect's discovery document. https://openid.net/specs/openid-connect-discovery-1_0.html"""
    return {
        "issuer": issuer,
        "jwks_uri": f"{issuer}/jwks",
        "response_types_supported": ["id_token"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["ES256"],
    }


def parse_claims(document: object, *, issuer: str, now: float) -> dict[str, Any]:
    """Returns the claims of the token that the document describes, without those of null.

    Raises InvalidTokenRequest.
    """
    if not isinstance(document, dict):
        raise InvalidTokenRequest("the body is not a JSON object")
    if not set(document) <= _FIELDS:
        raise InvalidTokenRequest(f"unknown field: known are {', '.join(sorted(_FIELDS))}")
    lifetime_s, claims = document.get("lifetime_s", _LIFETIME_S), document.get("claims", {})
    if not isinstance(lifetime_s, int) or isinstance(lifetime_s, bool) or not 0 < lifetime_s < 2**31:
        raise InvalidTokenRequest("lifetime_s is not a whole number of seconds")
    if not isinstance(claims, dict):
        raise InvalidTokenRequest("claims is not a JSON object")
    # No jti: a token in a file may be exchanged more than once.
    defaults = {
        "iss": issuer,
        "sub": document.get("subject"),
        "aud": document.get("audience"),
        "iat": int(now),
        "exp": int(now) + lifetime_s,
    }
    found = {name: value for name, value in {**defaults, **claims}.items() if value is not None}
    if len(str(found)) > _MAX_SIZE:
        raise InvalidTokenRequest(f"the claims are longer than {_MAX_SIZE} characters")
    return found


def parse_query(query: Mapping[str, str]) -> dict[str, Any]:
    """Returns the document of a query: ?subject=ada&audience=x&claims={"ref":"main"}&lifetime_s=60

    Raises InvalidTokenRequest.
    """
    document: dict[str, Any] = dict(query)
    for name in {"claims", "lifetime_s"} & set(document):
        try:
            document[name] = strict_json.decode(document[name])
        except strict_json.InvalidJson as error:
            raise InvalidTokenRequest(f"{name} is not JSON: {error}") from error
    return document


def parse_aws_key(document: object) -> AccessKey:
    """Parses an AWS access key. Raises InvalidTokenRequest."""
    if not isinstance(document, dict):
        raise InvalidTokenRequest("the body is not a JSON object")
    names = ("access_key_id", "secret_access_key", "arn", "user_id")
    texts = [document.get(name) for name in names]
    session_token = document.get("session_token", "")
    if not all(isinstance(text, str) and text for text in texts) or not isinstance(session_token, str):
        raise InvalidTokenRequest(f"expected the strings {', '.join(names)}, and perhaps session_token")
    key_id, secret, arn, user_id = map(str, texts)
    if len(key_id) > _MAX_KEY_ID_SIZE:
        raise InvalidTokenRequest(f"access_key_id has more than AWS's {_MAX_KEY_ID_SIZE} characters")
    match = _ARN.fullmatch(arn)
    if match is None:
        raise InvalidTokenRequest("arn is not of the form arn:aws:iam::ACCOUNT:user/NAME")
    return AccessKey(key_id, secret, session_token, {"account": match[1], "arn": arn, "userid": user_id})
