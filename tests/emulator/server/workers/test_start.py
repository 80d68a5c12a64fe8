"""A worker that cannot be started ends the server with a reason, or is tried again (D26)."""

import asyncio
import os
import resource
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import requests
from support.child_processes import await_end

from docker_credential_gcr.emulator.server.supervisor import (
    RestartBackoff,
    Supervisor,
    WorkerConfiguration,
    WorkerFailed,
)
from docker_credential_gcr.emulator.settings import Settings

PYTHON = (sys.executable, "-c")
# The program, which starts its workers with another Python.
SERVE = (
    "import sys; sys.executable = sys.argv.pop(1)\n"
    "from docker_credential_gcr.emulator.cli.main import main; sys.exit(main(sys.argv[1:]))"
)
MUTE = f"#!{sys.executable}\nimport os, signal\nos.write(2, b'%d\\n' % os.getpid())\nsignal.pause()\n"


@pytest.fixture
def start_with(tmp_path):
    """Returns a function that starts the program with two workers, and a given Python for the second."""
    started = []

    def start(python):
        command = [*PYTHON, SERVE, str(python), "serve", "--port", "0", "--workers", "2"]
        data = ["--data", str(tmp_path / "data")]
        pipe = subprocess.PIPE
        started.append(subprocess.Popen([*command, *data], stdout=pipe, stderr=pipe, text=True))
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.communicate()


@pytest.mark.parametrize(
    ("command", "start_s", "fault"),
    [
        (("/no/such/program",), 60, "cannot be started: /no/such/program: No such file or directory"),
        ((*PYTHON, "raise SystemExit(3)"), 60, "ended with 3 before it served"),
        ((*PYTHON, "import os; os.kill(os.getpid(), 9)"), 60, "ended with -9 before it served"),
        ((*PYTHON, "import signal; signal.pause()"), 0.25, "did not answer within 0.25 s"),
    ],
    ids=["is not there", "ends", "is killed", "never answers"],
)
def test_d26_worker_that_does_not_begin_to_serve_fails_the_start_with_the_reason(
    tmp_path, command, start_s, fault
):
    async def start():
        configuration, stop = WorkerConfiguration(Settings(workers=3), tmp_path, ()), asyncio.Event()
        supervisor = Supervisor(configuration, stop=stop, command=command, start_s=start_s)
        with pytest.raises(WorkerFailed) as failed:
            await supervisor.__aenter__()
        return str(failed.value), len(asyncio.all_tasks())

    message, tasks = asyncio.run(start())

    # Either of the two workers may fail first; no task of either is left.
    assert message.partition(" ")[2].partition(" ")[2] == fault
    assert tasks == 1


def test_d26_server_whose_worker_cannot_be_started_says_why_and_ends(start_with, tmp_path):
    process = start_with(tmp_path / "absent")

    out, err = process.communicate(timeout=60)

    message = "gcr-emulator: worker 2 cannot be started: No such file or directory\n"
    assert (process.returncode, out, err) == (1, "", message)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_d26_signal_ends_a_server_that_waits_for_its_worker(start_with, tmp_path, number):
    python = tmp_path / "mute"
    python.write_text(MUTE)
    python.chmod(0o755)
    process = start_with(python)
    worker = int(process.stderr.readline())

    process.send_signal(number)

    assert (process.communicate(timeout=60), process.returncode) == (("", ""), 0)
    await_end(worker)


def test_d26_worker_that_cannot_be_started_again_is_tried_again(workers, emulator):
    health = f"{emulator.url}/_emulator/health"
    with workers.only(workers.first):
        # A server that answers has opened all of its files.
        assert requests.get(health, timeout=30).status_code == 200
    limits = resource.prlimit(workers.first, resource.RLIMIT_NOFILE)
    resource.prlimit(workers.first, resource.RLIMIT_NOFILE, (3, limits[1]))
    os.kill(*workers.others, signal.SIGKILL)
    lines = [workers.process.stderr.readline() for _ in range(3)]
    resource.prlimit(workers.first, resource.RLIMIT_NOFILE, limits)
    file = Path(workers.ready["data"], "run", "gauge_livesum_2.part")
    refused = f"gcr-emulator: worker 2 cannot be started: {file}: Too many open files: starting another in "

    assert lines == [
        "gcr-emulator: worker 2 ended with -9: starting another\n",
        f"{refused}1 s\n",
        f"{refused}2 s\n",
    ]
    assert workers.process.stderr.readline() == "gcr-emulator: worker 2 serves again\n"
    with workers.only(*workers.others):
        assert requests.get(health, timeout=30).status_code == 200
    assert workers.stop() == (("", ""), 0)


def test_worker_that_dies_again_and_again_is_started_after_ever_longer_pauses():
    now = 1000.0
    backoff = RestartBackoff(lambda: now)
    chosen = []
    for _ in range(8):
        chosen.append(backoff.find_pause())
        now += chosen[-1] + 1
    assert chosen == [0, 1, 2, 4, 8, 16, 30, 30]
    # The worker has served for a minute.
    now += 60
    assert [backoff.find_pause(), backoff.find_pause()] == [0, 1]
