"""Runs of pytest with conftest.py: its promises, tested from another run."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from support.checkout import ROOT, TESTS
from support.child_processes import LIMIT_S, await_end, running

IGNORED = [signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGTERM]

# What stands behind the emulator, whatever the outer run has.
DEFAULTS = {"GCR_TEST_SERVE": "", "GCR_TEST_DATABASE": "", "GCR_TEST_STORAGE": "", "GCR_TEST_REPLICAS": "1"}

Run = Callable[..., tuple[list[str], str]]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Runs a module of tests with conftest.py; returns the lines of pytest's summary, and all output."""

    def run(module: str, *arguments: str, **environ: str) -> tuple[list[str], str]:
        (tmp_path / "test_it.py").write_text(f"import os, pytest, signal, subprocess, sys\n{module}")
        command = [sys.executable, "-B", "-m", "pytest", "-c", str(ROOT / "setup.cfg")]
        command += ["--rootdir", str(tmp_path), "-p", "no:cacheprovider", "-p", "conftest", "-q"]
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


@pytest.mark.parametrize(
    ("program", "command"),
    [
        ("no-such-program", "apt-get install no-such-program"),
        *((name, "apt-get install util-linux") for name in ("nsenter", "pivot_root", "setpriv", "unshare")),
        ("gcloud", "https://cloud.google.com/sdk/docs/install"),
    ],
)
def test_d29_a_test_without_its_program_is_skipped_with_what_installs_it(
    run: Run, tmp_path: Path, program: str, command: str
) -> None:
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/sh").symlink_to("/bin/sh")

    summary, _ = run(NEEDING.format(program), PATH=str(tmp_path / "bin"))

    reason = f"{program} is not installed: {command}"
    assert [line.partition(": ")[2] for line in summary] == [reason]
    assert summary[0].startswith("SKIPPED [1] ")


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
    command += ["-p", "no:cacheprovider", "--basetemp", str(tmp_path / "temporary")]
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
def test_it():
    process = subprocess.Popen(["sh", "-c", "sleep 4711 & echo $! $$ >PLACE; wait"])
    while not os.path.exists("PLACE") or not open("PLACE").read(): os.sched_yield()
    END
"""


@pytest.mark.parametrize("end", ["pass", "assert False", "signal.pause()"], ids=["passes", "fails", "hangs"])
def test_what_a_test_leaves_running_is_ended_and_named(run: Run, tmp_path: Path, end: str) -> None:
    place = tmp_path / "pids"

    summary, _ = run(LEAVING.replace("PLACE", str(place)).replace("END", end), "--timeout", "1")

    (named,) = (line for line in summary if line.startswith("ERROR"))
    assert named.startswith("ERROR test_it.py::test_it - AssertionError: the test left processes behind: {")
    await_end(*map(int, place.read_text().split()))


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
