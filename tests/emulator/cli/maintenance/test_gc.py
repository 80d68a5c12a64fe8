"""gcr-emulator gc: the same results through a server and on a data directory; forms of durations."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import pytest
import requests
from support.servers.one_answer import OneAnswer

from docker_credential_gcr.emulator.cli.main import cli
from docker_credential_gcr.emulator.runtime.errors import CollectionBusy
from docker_credential_gcr.emulator.server.in_thread import InThread
from docker_credential_gcr.emulator.settings import Settings

Run = Callable[..., tuple[int, str, str]]
REPOSITORY = "my-project/app"
LARGE = b"x" * 100_000
CONFIG_SIZE = len(b'{"created": "2026-01-02T03:04:05.678901234Z"}')
NOTHING = {"manifests": 0, "links": 0, "blobs": 0, "uploads": 0, "files": 0, "bytes": 0}


def format_counts(**counts: int) -> str:
    return "".join(f"{kind} {count}\n" for kind, count in {**NOTHING, **counts}.items())


LITTER = format_counts(manifests=1, links=2, blobs=2, bytes=len(LARGE) + CONFIG_SIZE)


@pytest.fixture
def littered(tmp_path: Path, editor_of: Any) -> Path:
    """Returns the data directory of a stopped server, with an image that lost its tag."""
    data = tmp_path / "data"
    with InThread(Settings(port=0, data=data)) as ready:
        editor = editor_of(ready.url)
        editor.push_image(REPOSITORY, "v1", LARGE)
        assert editor.delete(f"/v2/{REPOSITORY}/manifests/v1").status_code == 202
    return data


def test_gc_removes_what_the_options_say_and_counts_it(run: Run, littered: Path) -> None:
    asked = ("gc", "--data", littered, "--untagged")
    assert run(*asked) == (0, format_counts(), "freed 0 B\n")
    assert run(*asked, "--older-than", "0") == (0, LITTER, "freed 97.7 KiB\n")
    assert run(*asked, "--older-than", "0") == (0, format_counts(), "freed 0 B\n")


def test_d13_gc_prints_json(run: Run, littered: Path) -> None:
    code, out, err = run("gc", "--data", littered, "--json")

    assert (code, json.loads(out), err) == (0, NOTHING, "freed 0 B\n")


def test_gc_asks_a_server_for_the_same(run: Run, littered: Path) -> None:
    with InThread(Settings(port=0, data=littered)) as ready:
        asked = ("gc", "--server", ready.url, "--untagged", "--older-than", "0")
        said = "would free 97.7 KiB; nothing was removed: leave out --dry-run to remove it\n"
        assert run(*asked, "--dry-run") == (0, LITTER, said)
        assert run(*asked) == (0, LITTER, "freed 97.7 KiB\n")
        assert run("gc", "--server", ready.url) == (0, format_counts(), "freed 0 B\n")


def test_gc_says_that_another_one_is_in_progress(run: Run) -> None:
    message = str(CollectionBusy())
    body = json.dumps({"error": message})
    server = OneAnswer(f"HTTP/1.1 409 Conflict\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode())
    code, out, err = run("gc", "--server", server.url)
    server.close()
    assert (code, out, err) == (1, "", f"gcr-emulator: {message}\n")
    assert server.take_request()[0] == "POST /_emulator/gc HTTP/1.1"


def test_gc_of_a_strict_server_wants_the_token(run: Run, littered: Path) -> None:
    with InThread(Settings(port=0, data=littered, strict_admin=True)) as ready:
        code, out, err = run("gc", "--server", ready.url)
        hint = "the emulator requires a token: name DATA/keys/operator-token with --token-file"
        assert (code, out, err) == (1, "", f"gcr-emulator: {hint}\n")
        with_token = ("gc", "--server", ready.url, "--token-file", ready.operator_token_file)
        assert run(*with_token) == (0, format_counts(), "freed 0 B\n")


def test_gc_of_a_server_and_of_a_directory_at_once_is_a_misuse(run: Run, littered: Path) -> None:
    code, out, err = run("gc", "--data", littered, "--server", "http://localhost:1")
    assert (code, out) == (2, "")
    assert "--server and --data exclude each other: give one of them" in err


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("0", 0), ("0s", 0), ("90s", 90), ("0.5s", 0.5), ("30m", 1800), ("24h", 86_400), ("7d", 604_800)],
)
def test_durations_are_read(text: str, seconds: float) -> None:
    from docker_credential_gcr.emulator.cli.options import parse_duration

    assert parse_duration(text) == seconds


@pytest.mark.parametrize("text", ["", "h", "-1s", "1w", "1 h", "1h30m", "1e3", "inf", "٣s"])
def test_what_is_no_duration_is_refused(run: Run, text: str) -> None:
    code, out, err = run("gc", "--older-than", text)
    assert (code, out) == (2, "")
    assert f"{text!r} is not a duration, such as 90s, 30m, 24h or 7d" in err


@pytest.mark.parametrize(
    ("command", "option"),
    [("gc", "--older-than"), ("serve", "--gc-delay"), ("serve", "--gc-interval"), ("run", "--gc-delay")],
)
@pytest.mark.parametrize("text", ["7", "0.5"])
def test_d23_bare_number_is_refused_with_the_right_spelling(
    run: Run, command: str, option: str, text: str
) -> None:
    code, out, err = run(command, option, text, *(("--", "true") if command == "run" else ()))

    assert (code, out) == (2, "")
    complaint = f"Error: Invalid value for '{option}': {text}: give a unit, such as {text}d or {text}s\n"
    assert err.endswith(complaint)


@pytest.mark.parametrize(("command", "count"), [("gc", 1), ("serve", 3), ("run", 2)])
def test_d23_help_of_each_duration_shows_the_form(command: str, count: int) -> None:
    durations = [
        option
        for option in cli.commands[command].params
        if isinstance(option, click.Option) and option.metavar == "DURATION"
    ]

    assert len(durations) == count
    assert [option for option in durations if not re.search(r"such as \d+[smhd]\b", option.help or "")] == []


def test_serve_passes_its_schedule_and_delay_to_the_server(
    make_server: Any, editor_of: Any, tmp_path: Path
) -> None:
    server = make_server(tmp_path / "data", "--gc-interval", "0", "--gc-delay", "0")
    server.start()
    url = server.ready["url"]
    editor = editor_of(url)
    digest = editor.push_blob(REPOSITORY, LARGE)["digest"]
    # Without --older-than the delay is the server's.
    collected = requests.post(f"{url}/_emulator/gc", timeout=30).json()
    assert collected == {**NOTHING, "links": 1, "blobs": 1, "bytes": len(LARGE)}
    token = editor.token(f"repository:{REPOSITORY}:pull")
    assert editor.call("GET", f"/v2/{REPOSITORY}/blobs/{digest}", token=token).status_code == 404
