"""Base64 is decoded in each form that tools write; anything else is refused."""

import base64

import pytest

from docker_credential_gcr.emulator.identity.keys.base64_text import decode_base64

DATA = bytes(range(256))
LINES = base64.encodebytes(DATA).decode()


@pytest.mark.parametrize(
    "text",
    [
        base64.b64encode(DATA).decode(),
        LINES,
        LINES.replace("\n", "\r\n"),
        f"\n {LINES}",
        base64.urlsafe_b64encode(DATA).decode(),
    ],
    ids=[f"F-Z29-{name}" for name in ("one line", "lines", "CRLF", "blanks", "URL")],
)
def test_base64_of_each_tool_is_decoded(text: str) -> None:
    assert decode_base64(text) == DATA


@pytest.mark.parametrize("text", ["A", "AAA", "é", "A*==", "QQ==QQ==", "\x00AAA", "=A"])
def test_other_text_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        decode_base64(text)
