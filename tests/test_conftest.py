"""Runs of pytest with conftest.py: its promises, tested from another run."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from support.checkout import ROOT, TESTS
from support.child_processes import LIMIT_S, await_end, running
from support.turns import order_files

IGNORED = [signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGTERM]

# Plugins of no test here, which take half of the time of a run.
WITHOUT = ("-p", "no:cacheprovider", "-p", "no:hypothesispytest", "-p", "no:anyio")
# What stands behind the emulator, whatever the outer run has.
DEFAULTS = {
    "GCR_TEST_SERVE": "",
    "GCR_TEST_DATABASE": "",
    "GCR_TEST_STORAGE": "",
    "GCR_TEST_REPLICAS": "1",
    "GCR_TEST_TURN": "",
}

Run = Callable[..., tuple[list[str], str]]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Runs a module of tests with conftest.py; returns the lines of pytest's summary, and all output."""

    def run(module: str, *arguments: str, **environ: str) -> tuple[list[str], str]:
        (tmp_path / "test_it.py").write_text(f"import os, pytest, signal, subprocess, sys\n{module}")
        command = [sys.executable, "-B", "-m", "pytest", "-c", str(ROOT / "setup.cfg")]
        command += ["--rootdir", str(tmp_path), *WITHOUT, "-p", "conftest", "-q"]
        command += ["--basetemp", str(tmp_path / "temporary"), *arguments, "test_it.py"]
        done = subprocess.run(
            command,
            cwd=tmp_path,
            env={**os.environ, **DEFAULTS, "PYTHONPATH": str(TESTS), "COLUMNS": "1000", **environ},
            capture_output=True,
            text=True,
            timeout=LIMIT_S,
        )
        _, _, summary = done.stdout.partition(" short test summary info ")
        return summary.splitlines()[1:-1], done.stdout + done.stderr

    return run


@pytest.fixture
def ignoring() -> Iterator[None]:
    """Ignores the signals of IGNORED, which the processes that a test starts inherit."""
    before = {number: signal.signal(number, signal.SIG_IGN) for number in IGNORED}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


NEEDING = '@pytest.mark.needs("sh", "{}")\ndef test_it(): pass\n'
REMEDIES = {
    "no-such-program": "apt-get install no-such-program",
    **dict.fromkeys(("nsenter", "pivot_root", "setpriv", "unshare"), "apt-get install util-linux"),
    "gcloud": "https://cloud.google.com/sdk/docs/install",
}


def test_d29_a_test_without_its_program_is_skipped_with_what_installs_it(run: Run, tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/sh").symlink_to("/bin/sh")
    tests = (NEEDING.replace("test_it", f"test_{n}").format(name) for n, name in enumerate(REMEDIES))

    summary, _ = run("".join(tests), PATH=str(tmp_path / "bin"))

    reasons = [f"{program} is not installed: {command}" for program, command in REMEDIES.items()]
    assert [line.partition(": ")[2] for line in summary] == reasons
    assert [line for line in summary if not line.startswith("SKIPPED [1] ")] == []


def test_d29_where_all_is_needed_it_fails(run: Run) -> None:
    summary, _ = run(NEEDING.format("no-such-program"), GCR_TEST_NEEDS="all")

    reason = "no-such-program is not installed: apt-get install no-such-program"
    assert summary == [f"ERROR test_it.py::test_it - Failed: {reason}"]


def test_d29_a_test_whose_programs_are_there_is_run(run: Run) -> None:
    assert run(NEEDING.format("cat"), GCR_TEST_NEEDS="all")[0] == []


@pytest.mark.parametrize(
    ("user", "summary"),
    [(0, []), (1000, ["only root can be root: run as root"])],
)
def test_d29_what_only_root_can_do_is_skipped_for_others(run: Run, user: int, summary: list[str]) -> None:
    module = f"os.geteuid = lambda: {user}\n" + '@pytest.mark.needs_root("be root")\ndef test_it(): pass\n'

    assert [line.partition(": ")[2] for line in run(module)[0]] == summary


WITH_EMULATOR = (
    "tests/cli/test_status.py::test_a_registry_with_a_key_before_and_after_its_first_token",
    "tests/kubelet/test_program.py::test_the_answer_opens_the_emulator_and_the_second_sends_no_request",
)


def test_in_each_folder_of_the_helper_a_test_with_an_emulator_is_skipped_without_the_extra(
    tmp_path: Path,
) -> None:
    (tmp_path / "sitecustomize.py").write_text("import sys\nsys.modules['granian'] = None\n")
    command = [sys.executable, "-B", "-m", "pytest", "-c", str(ROOT / "setup.cfg"), "-q"]
    command += [*WITHOUT, "--basetemp", str(tmp_path / "temporary")]
    command += [str(ROOT / name) for name in WITH_EMULATOR]

    done = subprocess.run(
        command,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(tmp_path), "COLUMNS": "1000"},
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
    )

    reason = "granian is missing: install the emulator extra from a checkout: pip install '.[emulator]'"
    *skipped, last = done.stdout.partition(" short test summary info ")[2].splitlines()[1:]
    assert [line.partition(": ")[2] for line in skipped] == [reason] * 2, done.stdout
    assert (done.returncode, last.partition(" in ")[0]) == (0, "2 skipped")


SIGNALS = """
def test_it():
    command = ["sh", "-c", "kill -$0 $$; echo ignored"]
    for name in ("HUP", "INT", "QUIT", "TERM"):
        done = subprocess.run([*command, name], capture_output=True)
        assert (name, done.stdout, done.returncode) == (name, b"", -getattr(signal, f"SIG{name}"))
"""


@pytest.mark.usefixtures("ignoring")
@pytest.mark.parametrize("workers", ["0", "1"])
def test_d29_a_run_that_was_started_with_signals_ignored_gives_its_programs_all(
    run: Run, workers: str
) -> None:
    summary, said = run(SIGNALS, "-n", workers)

    assert summary == [], said


OUTSIDE = """
def test_it():
    here = os.path.dirname(__file__)
    assert not os.path.samefile(os.getcwd(), here)
    assert os.listdir() == []
    assert False, "as it is named"
"""


@pytest.mark.parametrize("workers", ["0", "1"])
def test_tests_run_in_an_empty_directory_and_are_named_as_from_where_pytest_was_started(
    run: Run, workers: str
) -> None:
    summary, _ = run(OUTSIDE, "-n", workers)

    assert summary == ["FAILED test_it.py::test_it - AssertionError: as it is named"]


LEAVING = """
from pathlib import Path

HANGS = pytest.param("hangs", marks=pytest.mark.timeout(1))

@pytest.mark.parametrize("end", ["passes", "fails", HANGS])
def test_it(end):
    process = subprocess.Popen(["sh", "-c", f"sleep 4711 & echo $! $$ >PLACE/{end}; wait"])
    told = Path("PLACE", end)
    while not told.exists() or not told.read_text(): os.sched_yield()
    assert end != "fails"
    if end == "hangs": signal.pause()
"""


def test_what_a_test_leaves_running_is_ended_and_named(run: Run, tmp_path: Path) -> None:
    place = tmp_path / "pids"
    place.mkdir()

    summary, _ = run(LEAVING.replace("PLACE", str(place)))

    named = [line.partition(" {")[0] for line in summary if line.startswith("ERROR")]
    assert named == [
        f"ERROR test_it.py::test_it[{end}] - AssertionError: the test left processes behind:"
        for end in ("passes", "fails", "hangs")
    ]
    await_end(*(int(pid) for file in place.iterdir() for pid in file.read_text().split()))


def test_a_program_is_ended_with_its_block_though_it_ignores_signals() -> None:
    script = "trap '' TERM INT; sleep 4711 & echo $!; wait"

    with running(["sh", "-c", script], stdout=subprocess.PIPE, text=True) as process:
        child = int(process.stdout.readline())

    await_end(child)
    assert (process.returncode, process.stdout.closed) == (-signal.SIGKILL, True)


SERVED = """
from conftest import _gcr_emulator_server  # the one of a conftest.py stands above that of a plugin

def test_it(gcr_emulator, _gcr_emulator_server):
    pid = _gcr_emulator_server.pid
    with open(f"/proc/{pid}/task/{pid}/children") as children:
        assert (pid == os.getpid(), len(children.read().split())) == SERVED
"""


@pytest.mark.parametrize(
    ("arguments", "served"), [("", (True, 0)), ("--workers 2 --journal", (False, 1))], ids=str
)
def test_gcr_test_serve_makes_the_emulator_of_all_tests_a_program_with_these_arguments(
    arguments: str, served: tuple[bool, int], run: Run
) -> None:
    summary, said = run(f"SERVED = {served}\n{SERVED}", GCR_TEST_SERVE=arguments)

    assert (summary, "1 passed" in said) == ([], True)


ON_POSTGRESQL = """
from conftest import _gcr_emulator_server

def test_it(gcr_emulator, _gcr_emulator_server):
    assert gcr_emulator.project() == "my-project"
    assert "emulator.db" not in os.listdir(_gcr_emulator_server.data)

@pytest.mark.sqlite("a file")
def test_its_file(): assert False
"""


@pytest.mark.needs("postgres", "setpriv")
@pytest.mark.parametrize("replicas", ["1", "2"])
def test_gcr_test_database_puts_postgresql_behind_the_emulator_and_skips_what_needs_sqlite(
    run: Run, replicas: str
) -> None:
    summary, said = run(ON_POSTGRESQL, GCR_TEST_DATABASE="postgresql", GCR_TEST_REPLICAS=replicas)

    assert [line.partition(": ")[2] for line in summary] == [
        "only with SQLite there is a file: run without GCR_TEST_DATABASE"
    ], said
    assert "1 passed, 1 skipped" in said


LONG = """
@pytest.mark.in_turn
@pytest.mark.parametrize("number", range(20))
def test_long(number): pass

@pytest.mark.in_turn("one unit")
@pytest.mark.parametrize("number", range(5))
def test_unit(number): pass

def test_short(): pass
"""


def test_long_tests_take_turns_by_the_commit_and_others_are_always_run(run: Run) -> None:
    def collect(turn: str) -> set[str]:
        _, said = run(LONG, "--collect-only", GCR_TEST_TURN=turn)
        return {line.partition("::")[2] for line in said.splitlines() if "::" in line}

    every, turns = collect(""), [collect(f"{'0' * 39}{turn}") for turn in range(3)]

    assert len(every) == 26
    assert set.union(*turns) == every
    assert sum(map(len, turns)) == 28  # the short one three times
    assert all(len(turn) > 1 for turn in turns)
    assert sorted(sum("test_unit" in name for name in turn) for turn in turns) == [0, 0, 5]


class Item:
    """What `order_files` asks of a test."""

    def __init__(self, path: str, *, is_long: bool = False) -> None:
        self.path = path
        self._marker = object() if is_long else None

    def get_closest_marker(self, _name: str) -> object:
        return self._marker


def test_files_with_long_tests_come_first_and_then_those_with_many() -> None:
    items: list[Any] = [Item("few"), *(Item("many") for _ in range(3)), Item("long", is_long=True)]

    order_files(items)

    assert [item.path for item in items] == ["long", "many", "many", "many", "few"]
