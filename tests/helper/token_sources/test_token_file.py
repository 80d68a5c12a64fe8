"""Access token in a file."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

ONE = "holds more than a token"
FAULTS: dict[str, tuple[bytes, str]] = {
    "empty": (b"", "is empty"),
    "blank": (b" \n", "is empty"),
    "two lines": (b"ya29.a\nya29.b\n", ONE),
    "two words": (b"Bearer ya29.a", ONE),
    "not ASCII": (b"ya29.\xc3\xa9", ONE),
    "NUL": (b"ya29.\0", ONE),
    "JSON": (b'{"access_token": "ya29.a"}', ONE),
}


@pytest.fixture
def configured(helper: Any, tmp_path: Path) -> Any:
    helper.token = tmp_path / "token"
    helper.configure({"TokenSources": [f"token-file:{helper.token}"]})
    return helper


def test_the_token_in_the_file_is_the_answer_of_every_call_and_is_not_kept(configured: Any) -> None:
    secrets = []
    for token in ("ya29.one\n", "\ufeff ya29.two\r\n"):
        configured.token.write_text(token)
        outcome = configured("get", stdin="gcr.io")
        assert (outcome.status, outcome.stderr) == (0, "")
        secrets.append(json.loads(outcome.stdout)["Secret"])

    assert secrets == ["ya29.one", "ya29.two"]
    assert not configured.cache.exists()


@pytest.mark.parametrize("name", FAULTS)
def test_a_file_with_anything_but_a_token_is_a_failure_that_does_not_show_it(
    configured: Any, name: str
) -> None:
    data, fault = FAULTS[name]
    configured.token.write_bytes(data)

    outcome = configured("get", stdin="gcr.io")

    line = f"no access token for gcr.io: token-file: token file {str(configured.token)!r} {fault}\n"
    hint = "hint: write an access token, and nothing else, into the file\n"
    expected = (1, line, f"docker-credential-gcr: {line}{hint}")
    assert (outcome.status, outcome.stdout, outcome.stderr) == expected


def test_a_file_that_is_missing_or_a_pipe_is_a_failure(configured: Any) -> None:
    missing = configured("get", stdin="gcr.io").stdout
    os.mkfifo(configured.token)
    pipe = configured("get", stdin="gcr.io").stdout

    start = "no access token for gcr.io: token-file: "
    assert missing == (
        f"{start}cannot read token file {str(configured.token)!r}: No such file or directory\n"
    )
    assert pipe == f"{start}cannot read token file {str(configured.token)!r}: not a regular file\n"


def test_a_token_file_cannot_vouch_for_an_account(configured: Any) -> None:
    configured.token.write_text("ya29.one")
    configured.configure({"TokenSources": [f"token-file:{configured.token}"], "Account": "me@x.example"})

    outcome = configured("get", stdin="gcr.io")

    assert outcome.stdout == (
        f"no access token for gcr.io: token-file: token file {str(configured.token)!r} "
        "does not say whether it is me@x.example's\n"
    )
