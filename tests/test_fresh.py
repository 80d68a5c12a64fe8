"""scripts/fresh gives a clean system to a command, and names what the command leaves; it leaves nothing."""

import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.checkout import SCRIPTS

pytestmark = [
    pytest.mark.in_turn,
    pytest.mark.needs_root("make a clean system"),
    pytest.mark.needs("unshare", "pivot_root", "setpriv", "git"),
]

SCRIPT = SCRIPTS / "fresh"
CACHE = Path("/var/cache/docker-credential-gcr")
LIMIT_S = 120
UNAVAILABLE = 69


@pytest.fixture
def environ() -> Iterator[dict[str, str]]:
    """Yields the script's variables; checks that no mount and no run's directory is left in the cache."""
    if not (CACHE / "bookworm").exists():
        reason = "no base system: scripts/fresh bookworm true"
        pytest.fail(reason) if os.environ.get("GCR_TEST_NEEDS") == "all" else pytest.skip(reason)
    before = set(CACHE.glob("run-*"))
    yield {name: value for name, value in os.environ.items() if name != "XDG_CACHE_HOME"}
    assert (set(CACHE.glob("run-*")) - before, find_mounts()) == (set(), [])


def find_mounts() -> list[str]:
    return [line for line in Path("/proc/mounts").read_text().splitlines() if str(CACHE) in line]


def run(*arguments: str, environ: dict[str, str]) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [SCRIPT, *arguments], env=environ, capture_output=True, text=True, timeout=LIMIT_S, check=False
    )


@pytest.mark.parametrize(("options", "user"), [((), "1000"), (("--root",), "0")])
def test_the_user_has_a_clone_of_the_last_commit_and_nothing_else(
    options: tuple[str, ...], user: str, environ: dict[str, str]
) -> None:
    command = (
        "id -u; git status --porcelain; git rev-parse HEAD; command -v curl; python3 -m venv -h > /dev/null"
    )

    done = run(*options, "bookworm", command, environ=environ)

    head = subprocess.check_output(["git", "rev-parse", "HEAD"], cwd=SCRIPT.parent, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines()[1:] == [user, head.strip()]


def test_the_exit_status_is_that_of_the_command(environ: dict[str, str]) -> None:
    assert run("bookworm", "exit 7", environ=environ).returncode == 7


def test_what_a_command_leaves_is_named_and_a_failure(environ: dict[str, str]) -> None:
    done = run("bookworm", "touch new /tmp/left; setsid sleep 4711 & :", environ=environ)

    assert (done.returncode, done.stderr.splitlines()) == (
        1,
        ["scripts/fresh: the commands left behind:", "?? new", "/tmp/left", "sleep 4711 "],
    )


def test_a_killed_run_is_the_end_of_its_processes_and_the_next_removes_its_files(
    environ: dict[str, str],
) -> None:
    command = [SCRIPT, "bookworm", "echo started; exec sleep 4712"]
    with subprocess.Popen(command, env=environ, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert [process.stdout.readline() for _ in range(2)][1] == "started\n"
        process.send_signal(signal.SIGKILL)
        process.stdout.read()  # reads to the end: no process has it open any more

    assert run("bookworm", "true", environ=environ).returncode == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_ends_all_of_it(number: signal.Signals, environ: dict[str, str]) -> None:
    command = [SCRIPT, "bookworm", "echo started; exec sleep 4713"]
    with subprocess.Popen(command, env=environ, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert [process.stdout.readline() for _ in range(2)][1] == "started\n"
        process.send_signal(number)
        process.stdout.read()

    assert process.returncode == 128 + number


def test_a_release_that_cannot_be_had_is_named(environ: dict[str, str]) -> None:
    done = run("no-such-release", environ=environ)

    assert (done.returncode, done.stdout, done.stderr) == (
        UNAVAILABLE,
        "",
        "scripts/fresh: debootstrap knows no release no-such-release\n",
    )
