"""AWS subject tokens, Signature Version 4: a signed request for GetCallerIdentity that is never sent.

    {"url": "https://sts.us-east-1.amazonaws.com?Action=GetCallerIdentity&Version=2011-06-15",
     "method": "POST", "headers": [{"key": "Authorization", "value": "AWS4-HMAC-SHA256 Credential=…"},
     {"key": "x-goog-cloud-target-resource", "value": "//iam.googleapis.com/projects/…"}, …]}

Google sends it to AWS, which answers with the identity of the signer. The emulator does not send it, and
checks the signature with the secret of an access key that the operator has registered.
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
"""

import hashlib
import hmac
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from urllib.parse import parse_qsl, quote, unquote, urlsplit

from docker_credential_gcr.emulator.runtime import strict_json

from .subject_tokens import ExchangeRefused

_ALGORITHM = "AWS4-HMAC-SHA256"
# The limit of AWS.
_MAX_AGE_S = 900
_MAX_SIZE = 32 * 1024
_TARGET = "x-goog-cloud-target-resource"
_HOST = re.compile(r"sts(?:\.[a-z0-9-]{1,40})?\.amazonaws\.com")
_ACTION = {"Action": "GetCallerIdentity", "Version": "2011-06-15"}
_AUTHORIZATION = re.compile(
    rf"{_ALGORITHM} Credential=(?P<key>\w+)/(?P<date>\d{{8}})/(?P<region>[a-z0-9-]+)/sts/aws4_request, ?"
    r"SignedHeaders=(?P<names>[a-z0-9;-]+), ?Signature=(?P<signature>[0-9a-f]{64})",
    re.ASCII,
)
# Google's texts about AWS, which users search for.
MALFORMED = "Invalid format of AWS credentials."
REFUSED = "Received invalid AWS response of type InvalidClientTokenId."
WRONG_SIGNATURE = "Received invalid AWS response of type SignatureDoesNotMatch."
EXPIRED = "Received invalid AWS response of type SignatureDoesNotMatch: Signature expired."


@dataclass(frozen=True, repr=False)
class AccessKey:
    """An access key of AWS, with its owner: {"account": 12 digits, "arn": …, "userid": …}."""

    access_key_id: str
    secret_access_key: str
    session_token: str
    identity: Mapping[str, str]


@dataclass(frozen=True)
class _Signed:
    """A signed request, with its parsed Authorization header."""

    method: str
    query: str
    headers: Mapping[str, str]
    authorization: re.Match[str]


def verify_request(
    token: str,
    *,
    audience: str,
    find_key: Callable[[str], AccessKey | None],
    now: float,
) -> dict[str, str]:
    """Returns the identity that has signed the request, for that audience. Raises ExchangeRefused."""
    signed = _parse(token)
    names = signed.authorization["names"].split(";")
    # The header need not be signed: Google's library for Python does not sign it.
    if signed.headers.get(_TARGET, "").removeprefix("https:") != audience:
        raise ExchangeRefused(f"The AWS request must name the audience of the exchange in {_TARGET}.")
    if "host" not in names:
        raise ExchangeRefused(MALFORMED)
    key = find_key(signed.authorization["key"])
    if key is None or not _is_same(signed.headers.get("x-amz-security-token", ""), key.session_token):
        raise ExchangeRefused(REFUSED)
    signature = _sign(signed, names, key.secret_access_key)
    if not _is_same(signature, signed.authorization["signature"]):
        raise ExchangeRefused(WRONG_SIGNATURE)
    if abs(now - _parse_date(signed)) > _MAX_AGE_S:
        raise ExchangeRefused(EXPIRED)
    return dict(key.identity)


def _is_same(one: str, other: str) -> bool:
    return hmac.compare_digest(one.encode(), other.encode())


def _parse(token: str) -> _Signed:
    if len(token) > _MAX_SIZE:
        raise ExchangeRefused(MALFORMED)
    try:
        document = strict_json.decode(unquote(token))
        url = urlsplit(document["url"])
        headers = {header["key"].lower(): header["value"].strip() for header in document["headers"]}
        authorization = _AUTHORIZATION.fullmatch(headers["authorization"])
        query = dict(parse_qsl(url.query, strict_parsing=True))
    # JSON of another form raises any of these.
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ExchangeRefused(MALFORMED) from error
    # A line break in a value would make the signature valid for other headers, too.
    if not all(value.isprintable() for value in headers.values()):
        raise ExchangeRefused(MALFORMED)
    if authorization is None or document.get("method") != "POST" or query != _ACTION:
        raise ExchangeRefused(MALFORMED)
    is_aws = url.scheme == "https" and url.path in ("", "/") and _HOST.fullmatch(url.netloc)
    if not is_aws or headers.get("host") != url.netloc:
        raise ExchangeRefused(MALFORMED)
    return _Signed("POST", url.query, headers, authorization)


def _parse_date(signed: _Signed) -> float:
    try:
        instant = datetime.strptime(signed.headers.get("x-amz-date", ""), "%Y%m%dT%H%M%SZ")
    except ValueError as error:
        raise ExchangeRefused(MALFORMED) from error
    return instant.replace(tzinfo=timezone.utc).timestamp()


def _sign(signed: _Signed, names: list[str], secret: str) -> str:
    """Returns the signature that the request should have."""
    if any(name not in signed.headers for name in names):
        raise ExchangeRefused(MALFORMED)
    pairs = sorted((quote(name, safe="~"), quote(value, safe="~")) for name, value in parse_qsl(signed.query))
    canonical = "\n".join(
        [
            signed.method,
            "/",
            "&".join(f"{name}={value}" for name, value in pairs),
            *(f"{name}:{signed.headers[name]}" for name in names),
            "",
            ";".join(names),
            hashlib.sha256(b"").hexdigest(),
        ]
    )
    date, region = signed.authorization["date"], signed.authorization["region"]
    scope = f"{date}/{region}/sts/aws4_request"
    digest = hashlib.sha256(canonical.encode()).hexdigest()
    text = "\n".join([_ALGORITHM, signed.headers.get("x-amz-date", ""), scope, digest])
    key = f"AWS4{secret}".encode()
    for part in (date, region, "sts", "aws4_request"):
        key = hmac.digest(key, part.encode(), "sha256")
    return hmac.digest(key, text.encode(), "sha256").hex()
