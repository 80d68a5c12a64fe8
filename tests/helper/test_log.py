"""Debug log: opt-in, a line for each call, rotated, without secrets; a call succeeds without it."""

import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from docker_credential_gcr.helper import log

STAMP = re.compile(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ \d+ ")


@pytest.fixture
def lines(helper: Any, tmp_path: Path, make_key: Callable[..., Path]) -> Callable[[], list[str]]:
    """Returns the log's lines without instant and process; localhost:5000 is configured with a key."""
    path = tmp_path / "debug.log"
    helper.environ["DOCKER_CREDENTIAL_GCR_LOG"] = str(path)
    helper.configure({"Registries": {"localhost:5000": {"TokenSources": [f"file:{make_key()}"]}}})

    def read() -> list[str]:
        found = path.read_text().splitlines()
        assert all(STAMP.match(line) for line in found)
        return [STAMP.sub("", line) for line in found]

    return read


def test_each_call_is_a_line(
    helper: Any, lines: Callable[[], list[str]], token_server: Any, answer: Any
) -> None:
    for verb, stdin in (
        ("get", "localhost:5000"),
        ("get", "https://localhost:5000/v2/"),
        ("get", "quay.io"),
        ("store", '{"ServerURL":"localhost:5000","Username":"oauth2accesstoken","Secret":"ya29.secret"}'),
        ("erase", "localhost:5000"),
        ("list", ""),
        ("version", ""),
    ):
        helper(verb, stdin=stdin)
    token_server.answers = [answer(400, b'{"error":"ya29.from-the-server"}')]
    helper("get", stdin="localhost:5000")

    assert lines() == [
        "get 'localhost:5000': file: 0",
        "get 'localhost:5000': file, cached: 0",
        "get 'quay.io': not found: no credential for 'quay.io': 1",
        "store 'localhost:5000': 0",
        "erase 'localhost:5000': 0",
        "list: 0",
        "version: 0",
        f"get 'localhost:5000': TokenError: no access token for localhost:5000: file: {token_server.host} "
        "answered 400: ***: 1",
    ]


def test_the_log_is_for_its_owner_alone(helper: Any, lines: Callable[[], list[str]], tmp_path: Path) -> None:
    helper("version")

    assert lines() == ["version: 0"]
    assert (tmp_path / "debug.log").stat().st_mode & 0o777 == 0o600


def test_without_the_variable_nothing_is_written(helper: Any) -> None:
    helper("version")

    assert list(helper.home.iterdir()) == []


PLACES: dict[str, Callable[[Path], object]] = {
    "a missing directory": lambda path: path.with_name("absent") / "log",
    "a directory": lambda path: path.mkdir() or path,
    "a symbolic link": lambda path: path.symlink_to("/dev/null") or path,
    "a pipe without a reader": lambda path: os.mkfifo(path) or path,
    "a full disk": lambda _: "/dev/full",
    "a name with NUL is cut by the system; an empty one": lambda _: "",
}


@pytest.mark.parametrize("make", PLACES.values(), ids=PLACES)
def test_a_log_that_cannot_be_written_fails_no_call(
    helper: Any, tmp_path: Path, make: Callable[[Path], object]
) -> None:
    place = make(tmp_path / "debug.log")

    outcome = helper("version", DOCKER_CREDENTIAL_GCR_LOG=str(place))

    assert (outcome.status, outcome.stderr) == (0, "")


def test_a_long_log_is_moved_aside_once(tmp_path: Path) -> None:
    path = tmp_path / "debug.log"
    (tmp_path / "debug.log.1").write_text("the one before")
    path.write_bytes(b"x" * log.MAX_SIZE)

    log.add(str(path), "new")
    log.add(str(path), "newer")

    assert (tmp_path / "debug.log.1").read_bytes() == b"x" * log.MAX_SIZE
    assert [line.split()[-1] for line in path.read_text().splitlines()] == ["new", "newer"]
    assert sorted(os.listdir(tmp_path)) == ["debug.log", "debug.log.1"]


def test_a_line_stays_one_line_and_is_not_endless(tmp_path: Path) -> None:
    log.add(str(tmp_path / "log"), "a\nb\x1b[31m\u2028c" + "d " * 9000)

    (line,) = (tmp_path / "log").read_text().split("\n")[:-1]
    assert "a b?[31m c" in line
    assert len(line) < 4100
