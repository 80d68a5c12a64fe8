"""The separate Docker Engine leaves nothing behind, however it ends."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from support.checkout import TESTS

# Runs an engine with an image and a container, waits for a line, and then runs the test's statement.
OWNER = """
import os, signal, subprocess, sys
from pathlib import Path
from clients.docker.engine import engine
# Where the tests run in the background of a shell, SIGINT is ignored, and that is inherited.
signal.signal(signal.SIGINT, signal.default_int_handler)
with engine(Path(sys.argv[1])) as address:
    docker = ["docker", "--host", address]
    subprocess.run([*docker, "import", sys.argv[2], "held"], check=True, stdout=subprocess.DEVNULL)
    subprocess.run([*docker, "create", "held", "/none"], check=True, stdout=subprocess.DEVNULL)
    print("ready", flush=True)
    input()
    {then}
"""
LIMIT_S = 60
ENDS = {"pass": 0, "raise ValueError": 1, "os.kill(os.getpid(), 2); input()": -signal.SIGINT}


@pytest.fixture
def own(place: Path, layer: Path, engine: str) -> Callable[[str], "subprocess.Popen[str]"]:
    """Returns a function that starts a program with an engine in `place`."""
    del engine  # skips the test where no engine can run
    (place / "engine").mkdir()

    def start(then: str) -> "subprocess.Popen[str]":
        return subprocess.Popen(
            [sys.executable, "-B", "-c", OWNER.format(then=then), place / "engine", layer],
            env={**os.environ, "PYTHONPATH": str(TESTS)}, stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
        )  # fmt: skip

    return start


@pytest.mark.parametrize("then", ENDS)
def test_nothing_is_left_when_its_owner_ends(then: str, own, place: Path) -> None:
    settings = find_settings()

    with own(then) as process:
        await_ready(process, place)
        process.stdin.write("\n")
        process.stdin.flush()
        process.wait(60)

    assert (process.returncode, find_processes(place), find_mounts(place)) == (ENDS[then], [], [])
    assert find_settings() == settings


def test_nothing_runs_on_when_its_owner_is_killed(own, place: Path) -> None:
    with own("pass") as process:
        await_ready(process, place)
        process.kill()

    while find_processes(place):  # the kernel is still ending them
        os.sched_yield()

    assert find_mounts(place) == []


def await_ready(process: "subprocess.Popen[str]", place: Path) -> None:
    assert process.stdout.readline() == "ready\n"
    assert {Path(command.split()[0]).name for command in find_processes(place)} == {
        "unshare",
        "dockerd",
        "containerd",
    }


def find_processes(place: Path) -> list[str]:
    """Returns the command lines that name the engine's directory, except for its owner's."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            command = (process / "cmdline").read_bytes().replace(b"\0", b" ").decode()
        except OSError:
            continue
        if str(place / "engine") in command and "import engine" not in command:
            found.append(command)
    return found


def find_mounts(place: Path) -> list[str]:
    return [line for line in Path("/proc/self/mounts").read_text().splitlines() if str(place) in line]


def find_settings() -> list[str] | None:
    """Returns the contents of /etc/docker, which an engine would write to."""
    settings = Path("/etc/docker")
    return sorted(map(str, settings.rglob("*"))) if settings.exists() else None
