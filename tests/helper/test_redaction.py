"""Redaction: the parts of a text for users that are masked, and those that are not."""

import pytest

from docker_credential_gcr.helper.redaction import redact

LONG = "Zm9v" * 20


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("bad token ya29.a0Af_b-c~d+e/f", "bad token ***"),
        ("refresh 1//0gabc-DEF_1 failed", "refresh *** failed"),
        ("jwt eyJhbGciOi.eyJzdWIi.c2ln.", "jwt ***."),
        ("client GOCSPX-abc_1", "client ***"),
        ("-----BEGIN RSA PRIVATE KEY-----\nMIIE\n-----END RSA PRIVATE KEY-----\nrest", "***\nrest"),
        ("-----BEGIN PRIVATE KEY-----\nMIIE cut", "***"),
        ("Authorization: Bearer abc", "Authorization: *** ***"),
        ("proxy http://u:p@proxy.example:3128/x", "proxy http://***proxy.example:3128/x"),
        ('{"access_token": "short", "n": 1}', '{"access_token": "***", "n": 1}'),
        ("refresh_token=short&grant_type=x", "refresh_token=***&grant_type=x"),
        ("clientSecret: 'short'", "clientSecret: '***'"),
        (f"blob {LONG}==", "blob ***"),
    ],
)
def test_a_secret_is_masked(text: str, expected: str) -> None:
    assert redact(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "oauth2.googleapis.com answered 400: invalid_grant: Token has been expired or revoked.",
        "key file '/home/me/a-very-long-directory-name/with/some/more/below/it/account.json' is empty",
        "no access token for europe-docker.pkg.dev: store: no login is stored",
        "answered without an access token",
        "sha256:" + "0" * 40,
    ],
)
def test_a_text_without_one_stays(text: str) -> None:
    assert redact(text) == text


LONG_PATH = "/a-very-long-directory-name" * 5


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (f"in {LONG_PATH}", f"in {LONG_PATH}"),
        (f"{'Aa0/' * 20}==", "***"),
        (f"short/{'a' * 70}/short", "short/***/short"),
        (f"{LONG_PATH[1:]}=", f"{LONG_PATH[1:]}="),
    ],
    ids=["B-Z09-a path", "B-Z09-a mixture with slashes", "B-Z09-a secret in a path", "B-Z09-an end"],
)
def test_z09_a_long_run_with_slashes_is_masked_where_it_is_no_path(text: str, expected: str) -> None:
    assert redact(text) == expected


def test_z09_of_a_long_text_the_first_words_are_shown_and_no_part_of_a_secret() -> None:
    text = "word " * 1637 + "secret.with.dots." * 10

    assert redact(text) == "word " * 1637 + "…"
    assert redact("a/" * 30_000) == " …"
