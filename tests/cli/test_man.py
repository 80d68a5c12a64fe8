"""The command `man`: a page for the program and each command, with the text of the help, in valid troff."""

import os
import subprocess
from pathlib import Path
from typing import Any

import click
import pytest

from docker_credential_gcr import __version__
from docker_credential_gcr.cli.main import cli as program
from docker_credential_gcr.cli.man import EXIT_STATUS
from docker_credential_gcr.commands import manual

PROGRAM = "docker-credential-gcr"
ROOT = click.Context(program, info_name=PROGRAM)
COMMANDS = program.list_commands(ROOT)


def test_all_pages_are_written(cli: Any) -> None:
    outcome = cli("man", "--output", "man1")

    folder = cli.directory / "man1"
    assert (outcome.status, outcome.stdout) == (0, "")
    assert outcome.stderr == f"man1: {len(COMMANDS) + 1} pages\n"
    assert sorted(os.listdir(folder)) == sorted(
        [f"{PROGRAM}.1", *(f"{PROGRAM}-{name}.1" for name in COMMANDS)]
    )
    assert {path.stat().st_mode & 0o777 for path in folder.iterdir()} == {0o644}
    assert (folder / f"{PROGRAM}-doctor.1").read_text() == cli("man", "doctor").stdout


@pytest.fixture(scope="module")
def pages() -> dict[str, str]:
    return dict(manual.format_pages(ROOT, EXIT_STATUS))


def test_the_programs_page_lists_commands_and_verbs(pages: dict[str, str]) -> None:
    page = pages[PROGRAM]

    assert page.startswith(f'.TH "DOCKER\\-CREDENTIAL\\-GCR" 1 "" "{PROGRAM} {__version__}"\n.SH NAME\n')
    assert [name for name in COMMANDS if manual.escape(f"{PROGRAM}-{name}") not in page] == []
    assert manual.escape(f"{PROGRAM}-gcr-login") not in page
    assert (
        f".BR {manual.escape(f'{PROGRAM}-get')} (1)\nPrint the credential for the registry named on stdin.\n"
        in page
    )


@pytest.mark.parametrize("name", COMMANDS)
def test_a_page_says_what_the_help_says(pages: dict[str, str], name: str) -> None:
    page, command = pages[f"{PROGRAM}-{name}"], program.get_command(ROOT, name)

    assert command is not None
    options = [option for parameter in command.params for option in parameter.opts if option.startswith("--")]
    examples = [
        line.strip()
        for line in (command.help or "").splitlines()
        if f"{PROGRAM} {name}" in line.partition("  ")[2]
    ]
    assert [option for option in options if manual.escape(option) not in page] == []
    printed = [line.strip() for line in page.splitlines()]
    assert [line for line in examples if manual.escape(line) not in printed] == []
    assert examples
    assert "\b" not in page


@pytest.mark.parametrize(
    ("text", "escaped"),
    [
        ("a-b", r"a\-b"),
        ("C:\\x", r"C:\ex"),
        (".x", r"\&.x"),
        ("'x", r"\&'x"),
        ('"x"', r"\(dqx\(dq"),
    ],
)
def test_nothing_is_a_request_by_accident(text: str, escaped: str) -> None:
    assert manual.escape(text) == escaped


def test_an_unknown_command_has_no_page(cli: Any) -> None:
    outcome = cli("man", "gcr-login")

    assert (outcome.status, outcome.stdout) == (2, "")
    assert outcome.stderr.splitlines()[-1] == "Error: No such command 'gcr-login'. Did you mean 'login'?"


@pytest.mark.needs("groff")
def test_troff_takes_the_pages(pages: dict[str, str], tmp_path: Path) -> None:
    for name, page in pages.items():
        (tmp_path / name).write_text(page)

    done = subprocess.run(
        ["groff", "-ww", "-z", "-man", "-Tutf8", *pages],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
    )

    assert (done.returncode, done.stderr) == (0, "")
