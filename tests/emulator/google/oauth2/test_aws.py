"""AWS requests that Google's library has signed are exchanged, and no others; none is sent to AWS."""

import json
from collections.abc import Callable
from typing import Any
from urllib.parse import quote, unquote

import pytest
from google.auth import aws
from sqlalchemy import Connection

from docker_credential_gcr.emulator.database.accounts import aws_access_keys
from docker_credential_gcr.emulator.identity.federation.aws_sigv4 import AccessKey

Apis = Any
Federation = Any
PROJECT = "/v1/projects/my-project"
ACCOUNT = "123456789012"
USER = {"account": ACCOUNT, "arn": f"arn:aws:iam::{ACCOUNT}:user/ada", "userid": "AIDAEXAMPLE"}
ROLE = {
    "account": ACCOUNT,
    "arn": f"arn:aws:sts::{ACCOUNT}:assumed-role/builder/i-0123",
    "userid": "AROAEXAMPLE:i-0123",
}
ROLE_OF_ALL = ROLE["arn"].rpartition("/")[0]
STRANGER = {"account": "999999999999", "arn": "arn:aws:iam::999999999999:user/eve", "userid": "AIDAEVE"}
URL = "https://sts.us-east-2.amazonaws.com?Action=GetCallerIdentity&Version=2011-06-15"
TYPE = "urn:ietf:params:aws:token-type:aws4_request"
SECRETS = {"AKIAUSER": "user secret", "ASIAROLE": "role/secret+", "AKIASTRANGER": "stranger's"}


@pytest.fixture
def amazon(apis: Apis, federation: Federation) -> Federation:
    """Returns a federation with an AWS provider, and registers the operator's keys."""
    federation.set_provider(aws={"accountId": ACCOUNT})
    # The library signs with the system's time.
    apis.clock.shift(0)

    def work(connection: Connection) -> None:
        for key_id, session_token, identity in (
            ("AKIAUSER", "", USER),
            ("ASIAROLE", "session", ROLE),
            ("AKIASTRANGER", "", STRANGER),
        ):
            aws_access_keys.save(connection, AccessKey(key_id, SECRETS[key_id], session_token, identity))

    apis.services.database.write_now(work)
    return federation


def sign(federation: Federation, key_id: str = "AKIAUSER", **changes: Any) -> str:
    """Returns the subject token that Google's library creates from AWS credentials, with the target signed.

    The Python library leaves the target unsigned; so does test_federation.py.
    """
    asked = {"url": URL, "secret": SECRETS.get(key_id, "?"), "session_token": None, **changes}
    credentials = aws.AwsSecurityCredentials(key_id, asked["secret"], asked["session_token"])
    target = asked.get("target", f"//iam.googleapis.com/{federation.provider}")
    signed = aws.RequestSigner("us-east-2").get_request_options(
        credentials, asked["url"], "POST", additional_headers={"x-goog-cloud-target-resource": target}
    )
    headers = [{"key": name, "value": value} for name, value in signed["headers"].items()]
    headers.append({"key": "x-goog-cloud-target-resource", "value": target})
    return quote(json.dumps({"url": signed["url"], "method": signed["method"], "headers": headers}))


def exchange(federation: Federation, token: str) -> Any:
    return federation.exchange(token, subject_token_type=TYPE)


@pytest.mark.parametrize(
    ("key_id", "session_token", "member"),
    [
        ("AKIAUSER", None, f"principal:subject/{USER['arn']}"),
        ("AKIAUSER", None, f"principalSet:attribute.aws_role/{USER['arn']}"),
        (
            "ASIAROLE",
            "session",
            f"principalSet:attribute.aws_role/{ROLE_OF_ALL}",
        ),
    ],
)
def test_who_has_signed_is_a_member(
    apis: Apis, amazon: Federation, key_id: str, session_token: str | None, member: str
) -> None:
    kind, _, name = member.partition(":")
    apis.grant("roles/browser", f"{kind}://iam.googleapis.com/{amazon.pool}/{name}")

    reply = exchange(amazon, sign(amazon, key_id, session_token=session_token))

    assert (reply.status, reply.body["expires_in"]) == (200, 3599)
    assert apis.call("GET", PROJECT, token=reply.body["access_token"]).status == 200


def test_the_target_may_be_a_url(amazon: Federation) -> None:
    target = f"https://iam.googleapis.com/{amazon.provider}"

    assert exchange(amazon, sign(amazon, target=target)).status == 200


def replace_header(name: str, value: str | None) -> Callable[[str], str]:
    """Returns a change of a signed request's header; None removes it."""

    def change(token: str) -> str:
        document = json.loads(unquote(token))
        headers = [header for header in document["headers"] if header["key"].lower() != name]
        document["headers"] = headers + ([{"key": name, "value": value}] if value is not None else [])
        return quote(json.dumps(document))

    return change


UNREAD = "Invalid format of AWS credentials."
UNKNOWN = "Received invalid AWS response of type InvalidClientTokenId."
UNSIGNED = "Received invalid AWS response of type SignatureDoesNotMatch."
UNTARGETED = "The AWS request must name the audience of the exchange in x-goog-cloud-target-resource."
EVIL = "https://sts.evil.example?Action=GetCallerIdentity&Version=2011-06-15"


@pytest.mark.parametrize(
    ("key_id", "changes", "description"),
    [
        ("AKIANOBODY", {}, UNKNOWN),
        ("AKIAUSER", {"session_token": "session"}, UNKNOWN),
        ("ASIAROLE", {}, UNKNOWN),
        ("AKIAUSER", {"secret": "another"}, UNSIGNED),
        ("AKIAUSER", {"target": "//iam.googleapis.com/projects/1"}, UNTARGETED),
        ("AKIAUSER", {"url": EVIL}, UNREAD),
        ("AKIAUSER", {"url": URL.replace("GetCallerIdentity", "GetSessionToken")}, UNREAD),
        ("AKIAUSER", {"url": URL.replace("amazonaws.com", "amazonaws.com/x")}, UNREAD),
        (
            "AKIASTRANGER",
            {},
            f"The AWS account 999999999999 is not that of the provider, {ACCOUNT}.",
        ),
    ],
)
def test_a_request_that_aws_would_refuse_is_refused(
    amazon: Federation, key_id: str, changes: dict[str, Any], description: str
) -> None:
    reply = exchange(amazon, sign(amazon, key_id, **changes))

    assert (reply.status, reply.body) == (
        400,
        {"error": "invalid_grant", "error_description": description},
    )


@pytest.mark.parametrize(
    ("change", "description"),
    [
        (lambda _: "no JSON", UNREAD),
        (lambda _: "[]", UNREAD),
        (lambda _: '{"url": 1}', UNREAD),
        (lambda _: "x" * 40_000, UNREAD),
        (lambda token: token.replace("POST", "GET"), UNREAD),
        (replace_header("authorization", "AWS4-HMAC-SHA256 Credential=x"), UNREAD),
        (replace_header("authorization", None), UNREAD),
        (lambda token: token.replace("https", "http", 1), UNREAD),
        (lambda token: token.replace("host%3B", "", 1), UNREAD),
        (replace_header("host", "sts.eu-west-1.amazonaws.com"), UNREAD),
        (replace_header("x-amz-date", "20200101T000000Z"), UNSIGNED),
        (replace_header("x-amz-date", None), UNREAD),
        (replace_header("x-goog-cloud-target-resource", None), UNTARGETED),
        pytest.param(replace_header("x-amz-date", "a\nx-b:c"), UNREAD, id="D-Z22-a header of two lines"),
    ],
)
def test_a_request_that_was_changed_is_refused(
    amazon: Federation, change: Callable[[str], str], description: str
) -> None:
    reply = exchange(amazon, change(sign(amazon)))

    assert (reply.status, reply.body["error_description"]) == (400, description)


@pytest.mark.parametrize("offset_s", [-901, 902])
def test_a_request_of_another_time_is_refused(apis: Apis, amazon: Federation, offset_s: int) -> None:
    token = sign(amazon)
    apis.clock.shift(offset_s)

    description = f"{UNSIGNED[:-1]}: Signature expired."
    assert exchange(amazon, token).body == {"error": "invalid_grant", "error_description": description}


def test_a_jwt_is_nothing_to_a_provider_of_aws(amazon: Federation) -> None:
    reply = amazon.exchange(amazon.mint())

    assert (reply.status, reply.body["error"]) == (400, "invalid_request")
