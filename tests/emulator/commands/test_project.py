"""gcr-emulator project makes and lists projects."""

from collections.abc import Callable
from typing import Any

Emulator = Any
Run = Callable[..., tuple[int, str, str]]


def test_projects_are_made_once_and_listed(gcr_emulator: Emulator, run: Run) -> None:
    server = ("--server", gcr_emulator.url)

    assert run("project", "create", "my-project", *server) == (0, "", "made project my-project\n")
    assert run("project", "create", "a-project", "--name", "A", *server)[0] == 0
    assert run("project", "create", "my-project", *server) == (
        1,
        "",
        "gcr-emulator: project my-project exists already\n",
    )
    assert run("project", "list", *server) == (0, "a-project\nmy-project\n", "")
