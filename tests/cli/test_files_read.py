"""Files that the helper reads, in any state: one line of message, at once, in bounded memory."""

import io
import json
import os
import subprocess
import sys
import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support.files_read import CONTENTS, FILES, KINDS, STATUS, STATUS_JSON, VALUES, File

from docker_credential_gcr import files
from docker_credential_gcr.__main__ import VERBS
from docker_credential_gcr.helper import protocol

PACKAGE = "docker_credential_gcr"
CASES = [(name, command) for name, file in FILES.items() for command in file.commands]
IDS = [f"B-Z11-{name}, {command[0]}" for name, command in CASES]


def prepare(cli: Any, monkeypatch: pytest.MonkeyPatch, file: File) -> Path:
    """Writes the configuration that names the file; returns the path of the file."""
    cli.write(cli.own, json.dumps(file.settings))
    for name, document in file.other_files.items():
        (cli.directory / name).write_text(document if isinstance(document, str) else json.dumps(document))
    for name, value in file.environ.items():  # google-auth reads the environment of the process
        monkeypatch.setenv(name, value)
    path: Path = cli.directory / file.path
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    return path


def run(cli: Any, command: tuple[str, ...], environ: dict[str, str]) -> tuple[int, str]:
    """Returns the status and the output; a verb gets its second word on stdin, as from docker."""
    if command[0] not in VERBS:
        outcome = cli(*command, **environ)
        return outcome.status, outcome.stdout + outcome.stderr
    streams = {"stdin": io.BytesIO(command[1].encode()), "stdout": io.BytesIO(), "stderr": io.BytesIO()}
    here = Path.cwd()
    os.chdir(cli.directory)
    try:
        status = protocol.run([command[0]], **streams, environ=cli.environ | environ)
    finally:
        os.chdir(here)
    answer = streams["stdout"].getvalue().decode()
    assert answer.count("\n") == (1 if answer else 0)  # docker shows one line
    return status, answer + streams["stderr"].getvalue().decode()


def check(status: int, text: str) -> None:
    """Checks the output: no internal error, and no control character."""
    assert status in (0, 1, 2, 3), text
    assert "Traceback" not in text, text
    assert "internal error" not in text, text
    assert all(char.isprintable() or char == "\n" for char in text), text


@pytest.mark.parametrize(("name", "command"), CASES, ids=IDS)
def test_z11_what_is_not_a_regular_file_of_some_size_is_refused_with_its_path(
    cli: Any, monkeypatch: pytest.MonkeyPatch, name: str, command: tuple[str, ...]
) -> None:
    file = FILES[name]
    for kind, (make, reason) in KINDS.items():
        if file.is_written and kind in ("FIFO", "device"):
            continue
        path = prepare(cli, monkeypatch, file)
        make(path)
        tracemalloc.start()
        status, text = run(cli, command, file.environ)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        path.rmdir() if kind == "directory" else path.unlink()

        check(status, text)
        assert peak < 64 * 1024 * 1024, kind
        if not file.is_passed_over:
            is_told = reason in text or "is not a file" in text
            assert (status != 0 or command in (STATUS, STATUS_JSON), is_told) == (True, True), (kind, text)
            assert not file.is_quoted or path.name in text, (kind, text)


@pytest.mark.parametrize(("name", "command"), CASES, ids=[name.replace("B-Z11", "E-Z25") for name in IDS])
def test_z25_a_file_of_another_content_is_no_fault_of_the_program(
    cli: Any, monkeypatch: pytest.MonkeyPatch, name: str, command: tuple[str, ...]
) -> None:
    file = FILES[name]
    for content in CONTENTS.values():
        path = prepare(cli, monkeypatch, file)
        path.touch(0o600)
        path.write_bytes(content)
        check(*run(cli, command, file.environ))


def vary(document: Any) -> Iterator[str]:
    """Yields the texts of the document with each value in place of each member."""
    if not isinstance(document, (dict, list)):
        return
    for key in document if isinstance(document, dict) else range(len(document)):
        changed = document.copy()
        changed[key] = "@"
        yield from (json.dumps(changed).replace('"@"', value) for value in VALUES)
        for inner in vary(document[key]):
            changed[key] = "@"
            yield json.dumps(changed).replace('"@"', inner)


@pytest.mark.parametrize(
    "name",
    [name for name, file in FILES.items() if isinstance(file.document, dict)],
    ids=lambda name: f"E-Z25-{name}",
)
def test_z25_a_member_of_another_type_is_no_fault_of_the_program(
    cli: Any, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    file = FILES[name]
    path = prepare(cli, monkeypatch, file)
    for text in vary(file.document):
        path.touch(0o600)
        path.write_text(text)
        for command in file.commands[:2]:
            check(*run(cli, command, file.environ))


# Runs a command, then prints on stderr its exit status and its memory in KiB. This is a separate process:
# the peak of a child counts its parent's memory, and pytest uses more than the limit.
MEASURE = """
import resource, subprocess, sys
status = subprocess.run(sys.argv[1:]).returncode
print(status, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss, file=sys.stderr)
"""


@pytest.mark.parametrize("name", ["configuration", "config.json", "store", "logins", "token file"])
def test_z11_a_file_of_300_mb_costs_less_than_200_mib(
    cli: Any, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    file = FILES[name]
    KINDS["300 MB"][0](prepare(cli, monkeypatch, file))
    command = file.commands[0]
    environ = cli.environ | file.environ

    measured = subprocess.run(
        [sys.executable, "-c", MEASURE, sys.executable, "-m", PACKAGE, command[0]],
        input=command[1].encode(),
        capture_output=True,
        env=environ,
        cwd=cli.directory,
        timeout=60,
        check=False,
    )
    status, size = map(int, measured.stderr.split()[-2:])
    assert (status, b"larger than" in measured.stdout) == (1, True)
    assert size < 200 * 1024


def test_z11_a_fifo_that_no_process_reads_is_not_written_to(tmp_path: Path) -> None:
    path = tmp_path / "fifo"
    os.mkfifo(path)

    with pytest.raises(OSError, match="no process reads it"):
        files._open_stream(str(path), 0)


def test_z11_nothing_is_written_that_could_not_be_read_again(cli: Any) -> None:
    path = cli.own.with_name("docker_credential_gcr_logins.json")
    triple = {"ServerURL": "quay.io", "Username": "me", "Secret": "s" * (900 * 1024)}

    told = [
        run(cli, ("store", json.dumps(triple | {"ServerURL": f"{number}.example"})), {})
        for number in range(5)
    ]

    line = f"{str(path)!r} would be larger than 4 MiB\n"
    hint = "hint: log out of registries that you no longer need\n"
    assert told == [(0, "")] * 4 + [(1, f"{line}docker-credential-gcr: {line}{hint}")]
    assert run(cli, ("get", "3.example"), {})[0] == 0
