"""Lists fit the terminal (D13): a table, or two lines for each row if one is too long."""

import sys
from collections.abc import Callable
from typing import Any

import pytest
from support.terminals import run_at_terminal

Run = Callable[..., tuple[int, str, str]]
PROGRAM = (sys.executable, "-m", "docker_credential_gcr.emulator.cli.main")
LISTS = {
    "project": ("project", "list"),
    "repository": ("repository", "list"),
    "image": ("image", "list"),
    "account": ("account", "list"),
    "key": ("key", "list", "--account", "ci"),
    "iam": ("iam", "list", "--project", "my-project"),
}


@pytest.fixture
def listed(gcr_emulator: Any, run: Run, connect: Any) -> Run:
    """Runs a list at an emulator that has one of everything."""
    name = gcr_emulator.repository().partition("/")[2]
    connect().push_image(f"{name}/app", "v1", b"layer")
    return lambda *arguments: run(*arguments, "--server", gcr_emulator.url)


@pytest.mark.parametrize("columns", [80, 120])
@pytest.mark.parametrize("command", LISTS.values(), ids=LISTS)
def test_d13_list_fits_the_terminal(
    listed: Run, gcr_emulator: Any, command: tuple[str, ...], columns: int
) -> None:
    code, table, _ = listed(*command)

    status, written = run_at_terminal((*PROGRAM, *command, "--server", gcr_emulator.url), columns)

    lines = written.splitlines()
    assert (status, code) == (0, 0)
    assert [line for line in lines if len(line) > columns] == []
    assert written.split() == table.split()
    is_wide = max(map(len, table.splitlines())) > columns
    assert len(lines) == len(table.splitlines()) * (2 if is_wide else 1)
    assert [line for line in lines[1::2] if is_wide and not line.startswith("  ")] == []
