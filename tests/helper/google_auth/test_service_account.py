"""Service account keys and hosts: an emulator's key never serves Google, Google's never an emulator."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from google.auth import jwt

from docker_credential_gcr.errors import KeyFileError, KeyNotForHost
from docker_credential_gcr.helper import registries
from docker_credential_gcr.helper.configure.configure import check_token_sources
from docker_credential_gcr.helper.google_auth import service_account
from docker_credential_gcr.helper.google_auth.service_account import ServiceAccountKey
from docker_credential_gcr.helper.token_sources import key_file
from docker_credential_gcr.helper.tokens import TokenRequest

GOOGLE_URI = "https://oauth2.googleapis.com/token"
TO_GOOGLE = "its tokens are not sent to Google's gcr.io"
TO_LOOPBACK = "its tokens are not sent to localhost:5000"

PAIRS = [
    (GOOGLE_URI, "gcr.io", None),
    ("https://www.googleapis.com:443/oauth2/v4/token", "us-docker.pkg.dev", None),
    (GOOGLE_URI, "registry.example", None),
    (GOOGLE_URI, "localhost:5000", f"is Google's: {TO_LOOPBACK}"),
    ("http://localhost:5000/token", "localhost:5000", None),
    ("http://127.0.0.1:5000/token", "localhost:5000", None),
    ("http://[::1]:5000/token", "registry.example", None),
    ("https://tokens.example/token", "localhost:5000", None),
    ("http://tokens.example:80/token", "localhost:5000", None),  # named as insecure, with its port
    ("http://lab.example:81/token", "localhost:5000", None),  # named as insecure, without one
    ("http://localhost:5000/token", "gcr.io", f"is for localhost:5000: {TO_GOOGLE}"),
    ("https://tokens.example/token", "gcr.io", f"is for tokens.example: {TO_GOOGLE}"),
    ("http://oauth2.googleapis.com/token", "gcr.io", f"is for oauth2.googleapis.com: {TO_GOOGLE}"),
    ("https://evilgoogleapis.com/token", "gcr.io", f"is for evilgoogleapis.com: {TO_GOOGLE}"),
    ("https://googleapis.com.evil.example/", "gcr.io", f"is for googleapis.com.evil.example: {TO_GOOGLE}"),
    ("https://oauth2.googleapis.com:444/", "gcr.io", f"is for oauth2.googleapis.com:444: {TO_GOOGLE}"),
    ("http://evil.example/token", "localhost:5000", "token endpoint http://evil.example is not encrypted"),
]


def load_key(path: str) -> ServiceAccountKey:
    return service_account.parse_key(path, key_file.load_document(path))


@pytest.mark.parametrize(("token_uri", "host", "fault"), PAIRS)
def test_t05_a_key_serves_the_registries_of_its_own_trust_domain(
    make_key: Callable[..., Path], token_uri: str, host: str, fault: str | None
) -> None:
    path = str(make_key(token_uri=token_uri))
    key = load_key(path)
    request = TokenRequest(
        host,
        registries.find_trust_domain(host, {host}) or "",
        scopes=(),
        insecure_hosts=("tokens.example:80", "lab.example"),
    )

    try:
        service_account.check_use(key, request)
        found = None
    except KeyNotForHost as error:
        found = str(error)

    joint = ": " if fault and fault.startswith("token") else " "
    assert found == (fault and f"key file {path!r}{joint}{fault}")


@pytest.mark.parametrize(
    "token_uri",
    [
        "localhost/token",
        "ftp://localhost/",
        "http://u:p@localhost/",
        "http:///token",
        "http://a:b/",
        "https://é/",
        "https://evil.example\\@oauth2.googleapis.com/token",
        "https://oauth2.googleapis.com\n.evil.example/",
    ],
)
def test_a_token_uri_that_is_no_plain_url_is_refused(make_key: Callable[..., Path], token_uri: str) -> None:
    path = str(make_key(token_uri=token_uri))

    with pytest.raises(KeyFileError) as raised:
        load_key(path)

    assert str(raised.value) == f"key file {path!r}: 'token_uri' is not an http or https URL"


def test_a_key_with_windows_line_ends_signs(make_key: Callable[..., Path], private_key: str) -> None:
    path = make_key(private_key=private_key.replace("\n", "\r\n"))

    check_token_sources((f"file:{path}",), ("localhost:5000",), {})


def test_the_private_key_does_not_show(make_key: Callable[..., Path]) -> None:
    path = make_key()

    shown = repr(load_key(str(path)))

    assert shown == f"ServiceAccountKey({str(path)!r}, 'ci@my-project.iam.gserviceaccount.com', <hidden>)"


@pytest.mark.parametrize("empty", ["", None])
@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("private_key_id", {"alg": "RS256", "typ": "JWT"}),
        ("token_uri", {"alg": "RS256", "typ": "JWT", "kid": "0" * 40}),
        ("universe_domain", {"alg": "RS256", "typ": "JWT", "kid": "0" * 40}),
    ],
    ids=["F-Z28-private_key_id", "F-Z28-token_uri", "F-Z32-universe_domain"],
)
def test_an_optional_member_of_a_key_may_be_absent_or_empty(
    make_key: Callable[..., Path], name: str, expected: dict[str, str], empty: str | None
) -> None:
    path = make_key(token_uri=GOOGLE_URI)
    content = json.loads(path.read_text())
    without = {member: value for member, value in content.items() if member != name}

    for document in ({**content, name: empty}, without):
        path.write_text(json.dumps(document))
        key = load_key(str(path))
        assert key.endpoint.url == GOOGLE_URI
        assert jwt.decode_header(key.sign((), now=0)) == expected


@pytest.mark.parametrize("name", ["private_key_id", "token_uri"])
def test_f_z28_an_optional_member_that_is_not_a_string_is_refused(
    make_key: Callable[..., Path], name: str
) -> None:
    path = str(make_key(**{name: 1}))

    with pytest.raises(KeyFileError) as raised:
        load_key(path)

    assert str(raised.value) == f"key file {path!r} has no {name!r}"


def test_f_z32_empty_members_of_a_credential_and_of_its_source_are_absent() -> None:
    text = json.dumps(
        {
            "type": "impersonated_service_account",
            "universe_domain": "",
            "delegates": None,
            "source_credentials": {"type": "authorized_user", "token_uri": "", "quota_project_id": None},
            "credential_source": {"headers": {"X-Empty": ""}},
        }
    )

    assert service_account.parse_document("of gcr.io", text) == {
        "type": "impersonated_service_account",
        "source_credentials": {"type": "authorized_user"},
        "credential_source": {"headers": {"X-Empty": ""}},
    }
