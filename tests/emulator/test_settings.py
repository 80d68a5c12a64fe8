"""Limits as written on the command line, and what a server shows of its settings."""

import pytest

from docker_credential_gcr.emulator.settings import InvalidLimit, Limits, Settings


def test_limits_are_the_defaults_but_for_those_that_are_named() -> None:
    assert Limits.parse(()) == Limits()
    chosen = Limits.parse(("uploads=5", "upload_lifetime_s=0.5", "request_rate=0"))
    assert chosen == Limits(uploads=5, upload_lifetime_s=0.5, request_rate=0.0)


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        (("uploads=0",), "the limit uploads is a whole number above 0, not '0'"),
        (("uploads=1.5",), "the limit uploads is a whole number above 0, not '1.5'"),
        (("uploads=",), "the limit uploads is a whole number above 0, not ''"),
        (("uploads",), "the limit uploads is a whole number above 0, not ''"),
        (("body_silence_s=nan",), "the limit body_silence_s is a number above 0, not 'nan'"),
        (("body_silence_s=inf",), "the limit body_silence_s is a number above 0, not 'inf'"),
        (("body_silence_s=-1",), "the limit body_silence_s is a number above 0, not '-1'"),
        (("uploads=1", "uploads=2"), "the limit 'uploads' is given twice: give it once"),
    ],
)
def test_what_is_no_limit_is_refused(texts: tuple[str, ...], message: str) -> None:
    with pytest.raises(InvalidLimit) as raised:
        Limits.parse(texts)
    assert str(raised.value) == message


def test_unknown_limit_is_refused_with_the_names_of_those_there_are() -> None:
    with pytest.raises(InvalidLimit, match="no such limit: 'upload'; known are manifest_size, "):
        Limits.parse(("upload=1",))


def test_the_password_of_the_database_is_not_shown() -> None:
    assert "s3cr3t" not in repr(Settings(database="postgresql://u:s3cr3t@h/d"))
