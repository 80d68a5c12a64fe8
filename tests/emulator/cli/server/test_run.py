"""gcr-emulator run: the command finds the emulator at Google's hosts, and leaves nothing behind."""

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from support.child_processes import await_end, list_children
from support.child_processes import end as kill_by_number

from docker_credential_gcr.emulator.sandbox.run import build_environment

GCR_EMULATOR = [sys.executable, "-m", "docker_credential_gcr.emulator.cli.main"]
LIMIT_S = 60
ANOTHER_USER = 65534
Start = Callable[..., "subprocess.Popen[str]"]

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="namespaces are Linux's")

# A client in Python, which is run within the namespace.
PROBE = """
import json, os, socket, requests
def ask(url):
    try:
        answer = requests.get(url, timeout=60)
    except requests.ConnectionError as error:
        return type(error).__name__
    return answer.status_code, answer.headers.get("www-authenticate")
def reach(address):
    try:
        socket.create_connection(address, timeout=60).close()
    except OSError as error:
        return error.strerror
print(json.dumps({
    "registries": [ask(f"https://{host}/v2/") for host in ("gcr.io", "us-west1-docker.pkg.dev")],
    "below": ask("http://gcr.io.localhost/v2/"),
    "plain": [ask("http://gcr.io/v2/"), ask("http://metadata.google.internal/_emulator/health")],
    "stranger": ask("https://example.com/"),
    "outside": reach(("192.0.2.1", 443)),
    "interfaces": [name for _, name in socket.if_nameindex()],
    "user": [os.getuid(), os.getgid()],
    "capabilities": next(line for line in open("/proc/self/status") if line.startswith("CapEff")).split()[1],
}))
"""


@pytest.fixture(scope="module", autouse=True)
def _namespaces() -> None:
    """Skips if the kernel does not allow namespaces."""
    done = subprocess.run([*GCR_EMULATOR, "run", "true"], capture_output=True, text=True, timeout=LIMIT_S)
    if "the kernel refuses private namespaces" in done.stderr:
        reason = f"{done.stderr.strip()} (run as root, or set kernel.unprivileged_userns_clone=1)"
        pytest.fail(reason) if os.environ.get("CI") == "true" else pytest.skip(reason)


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    """Returns an environment whose temporary files can be counted."""
    (tmp_path / "tmp").mkdir(mode=0o777)
    return {**os.environ, "TMPDIR": str(tmp_path / "tmp")}


@pytest.fixture
def start(environ: dict[str, str]) -> Iterator[Start]:
    """Returns a function that starts `gcr-emulator run` with its arguments."""
    started: list[subprocess.Popen[str]] = []

    def make(*arguments: str, **options: object) -> "subprocess.Popen[str]":
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        command = [*GCR_EMULATOR, "run", *arguments]
        started.append(subprocess.Popen(command, env=environ, text=True, **{**pipes, **options}))
        return started[-1]

    yield make
    for process in started:
        if process.poll() is None:
            process.kill()
        process.communicate(timeout=LIMIT_S)


def outcome(process: "subprocess.Popen[str]") -> tuple[int, str, str]:
    out, err = process.communicate(timeout=LIMIT_S)
    return process.returncode, out, err


def test_command_finds_the_emulator_at_googles_names_and_nothing_else(start: Start) -> None:
    status, out, err = outcome(start("--project", "my-project", "--", sys.executable, "-c", PROBE))

    assert (status, err) == (0, "")
    assert json.loads(out) == {
        "registries": [
            [401, 'Bearer realm="https://gcr.io/v2/token",service="gcr.io"'],
            [401, 'Bearer realm="https://us-west1-docker.pkg.dev/v2/token"'],
        ],
        "below": [401, 'Bearer realm="http://gcr.io.localhost/v2/token",service="gcr.io.localhost"'],
        "plain": [[401, 'Bearer realm="http://gcr.io/v2/token",service="gcr.io"'], [200, None]],
        "stranger": "ConnectionError",
        "outside": "Network is unreachable",
        "interfaces": ["lo"],
        "user": [os.getuid(), os.getgid()],
        "capabilities": capabilities(),
    }


def capabilities() -> str:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(line.split()[1] for line in lines if line.startswith("CapEff"))


# The mounts of container tools for their processes; mount(2) refuses them over a deleted file.
MOUNT = """
set -e
unshare --map-root-user --mount sh -euc '
  for path in /etc/hosts /etc/nsswitch.conf; do
    echo $path > "$0/own"; mount --bind "$0/own" $path; cat $path; umount $path
    mount --bind $path $path
  done' "$0"
"""


@pytest.mark.parametrize(
    "options", [pytest.param((), id="H-Z58"), pytest.param(("--keep-credentials",), id="H-Z58-kept")]
)
def test_files_that_run_covers_can_be_mounted_again(
    start: Start, environ: dict[str, str], tmp_path: Path, options: tuple[str, ...]
) -> None:
    assert outcome(start(*options, "--", "sh", "-c", MOUNT, str(tmp_path))) == (
        0,
        "/etc/hosts\n/etc/nsswitch.conf\n",
        "",
    )
    assert list(Path(environ["TMPDIR"]).iterdir()) == []


def test_commands_of_the_emulator_find_it_without_being_told(start: Start) -> None:
    process = start("--project", "my-project", "--", *GCR_EMULATOR, "project", "describe", "my-project")

    status, out, err = outcome(process)
    assert (status, "\nprojectId: my-project\n" in out, err) == (0, True, "")


def test_command_has_the_streams_and_its_status_is_returned(start: Start) -> None:
    process = start("sh", "-c", "cat; echo $0 $1; echo said >&2; exit 7", "--port", "1")
    out, err = process.communicate("given\n", timeout=LIMIT_S)

    assert (process.returncode, out, err) == (7, "given\n--port 1\n", "said\n")


def test_command_that_is_not_there_is_named(start: Start) -> None:
    complaint = "gcr-emulator: no-such-program: no such command\n"

    assert outcome(start("no-such-program")) == (127, "", complaint)


def test_signal_reaches_the_command(start: Start) -> None:
    process = start("sh", "-c", "trap 'echo got; exit 9' INT; echo ready; while read line; do :; done")
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"

    process.send_signal(signal.SIGINT)

    # stdin stays open until then: at its end, the shell's `read` would return too.
    assert process.stdout.readline() == "got\n"
    assert outcome(process) == (9, "", "")


def test_nothing_is_left_when_the_command_ends(start: Start, environ: dict[str, str]) -> None:
    daemon = "(setsid sleep 4711 </dev/null >/dev/null 2>&1 &)"
    process = start("--project", "my-project", "--", "sh", "-c", f"{daemon}; echo $GCR_EMULATOR_CA; exit 3")

    status, out, err = outcome(process)

    assert (status, out.startswith(environ["TMPDIR"]), err) == (3, True, "")
    assert find_left(environ) == ([], [])


def test_nothing_is_left_when_it_is_killed(start: Start, environ: dict[str, str]) -> None:
    process = start("sh", "-c", "echo ready; exec sleep 4711")
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"

    process.kill()
    process.wait(LIMIT_S)

    while find_left(environ) != ([], []):  # the emulator ends in order
        os.sched_yield()


# A daemon: it leaves its parent, its session and its environment, and ignores the signals that it can.
DAEMON = """
setsid sh -c '(trap "" HUP INT TERM; exec env -i DAEMON=$0 sleep 4711 </dev/null >/dev/null 2>&1 &)' "$0"
echo ready
read _ || :
"""
ENDS: dict[str, Callable[["subprocess.Popen[str]"], object]] = {
    "the command ends": lambda process: process.stdin and print(file=process.stdin, flush=True),
    "run gets SIGTERM": lambda process: process.terminate(),
    "run gets SIGKILL": lambda process: process.kill(),
}


@pytest.mark.parametrize("end", ENDS.values(), ids=ENDS)
def test_a_daemon_of_the_command_does_not_outlive_run(
    start: Start, tmp_path: Path, end: Callable[["subprocess.Popen[str]"], object]
) -> None:
    process = start("sh", "-c", DAEMON, str(tmp_path))
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    daemon = find_process(f"DAEMON={tmp_path}\0")

    end(process)

    try:
        await_end(daemon)
    finally:
        kill_by_number([daemon])


def find_process(environ: str) -> int:
    """Waits for the process with exactly this environment, and returns its PID."""
    while True:
        for path in Path("/proc").glob("[0-9]*/environ"):
            with suppress(OSError):
                if path.read_bytes() == environ.encode():
                    return int(path.parent.name)
        os.sched_yield()


def test_the_command_sees_no_process_but_its_own(start: Start) -> None:
    script = "echo $$ $(cd /proc && echo [0-9]*); grep -c . /proc/1/stat; exec sh -c 'exit 7'"

    status, out, err = outcome(start("sh", "-c", script))

    assert (status, out, err) == (7, "2 1 2 3\n1\n", "")


# In a user namespace, the kernel refuses to mount a new /proc while a mount covers a file of the old one.
MASKED = """
mount --bind /dev/null /proc/version
exec unshare --map-root-user --mount "$@"
"""


def test_the_command_keeps_proc_where_no_other_can_be_mounted(environ: dict[str, str]) -> None:
    script = "grep NSpid /proc/self/status; echo $$; exit 7"
    options = ("--map-root-user", "--mount", "sh", "-euc", MASKED, "sh")
    process = subprocess.Popen(
        ["unshare", *options, *GCR_EMULATOR, "run", "--", "sh", "-c", script],
        env=environ, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip

    status, out, err = outcome(process)

    numbers, own = out.splitlines()
    assert (status, numbers.split()[0], numbers.split()[2:], own, err) == (7, "NSpid:", ["3"], "2", "")


def find_left(environ: dict[str, str]) -> tuple[list[str], list[str]]:
    """Returns the processes with this environment's temporary directory, and its entries."""
    mark = f"TMPDIR={environ['TMPDIR']}\0".encode()
    processes = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if mark in (process / "environ").read_bytes():
                processes.append((process / "cmdline").read_text())
        except OSError:
            continue
    return processes, os.listdir(environ["TMPDIR"])


def test_data_directory_outlives_the_run(start: Start, tmp_path: Path) -> None:
    data = str(tmp_path / "data")
    made = start("--data", data, "--", *GCR_EMULATOR, "project", "create", "my-project")

    assert outcome(made) == (0, "", "created project my-project\n")
    again = start("--data", data, "--", *GCR_EMULATOR, "project", "describe", "my-project")
    assert outcome(again)[0] == 0


def test_emulator_that_cannot_start_says_why(start: Start, tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.touch()

    assert outcome(start("--data", str(path), "--", "echo", "run")) == (
        1,
        "",
        f"gcr-emulator: cannot use {path}: Not a directory\n",
    )


def test_command_ends_with_the_emulator(start: Start) -> None:
    process = start("sh", "-c", "echo ready; exec sleep 4711")
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    emulator, *_ = sorted(list_children(process.pid))  # the emulator is started first

    os.kill(emulator, signal.SIGKILL)

    assert outcome(process) == (
        1,
        "",
        "gcr-emulator: the emulator ended before the command, which was stopped\n",
    )


def test_engine_of_the_machine_is_out_of_reach(start: Start, environ: dict[str, str]) -> None:
    """Connects to a socket in the file system, which a network namespace does not hide."""
    with tempfile.TemporaryDirectory(dir="/tmp") as runtime, socket.socket(socket.AF_UNIX) as engine:
        engine.bind(f"{runtime}/docker.sock")
        engine.listen()
        environ["XDG_RUNTIME_DIR"] = runtime
        call = f"import socket; socket.socket(socket.AF_UNIX).connect('{runtime}/docker.sock')"
        status, _, err = outcome(start(sys.executable, "-c", call))

    assert (status, err.splitlines()[-1]) == (1, "ConnectionRefusedError: [Errno 111] Connection refused")


@pytest.mark.needs_root("become another user")
def test_d25_run_as_another_user_passes_over_an_engine_in_a_closed_directory() -> None:
    with tempfile.TemporaryDirectory(dir="/tmp") as runtime, socket.socket(socket.AF_UNIX) as engine:
        Path(runtime).chmod(0o755)
        os.mkdir(f"{runtime}/podman", 0o700)
        engine.bind(f"{runtime}/podman/podman.sock")
        options: dict[str, Any] = {
            "user": ANOTHER_USER,
            "group": ANOTHER_USER,
            "extra_groups": [],
            "cwd": "/",
            "env": {"PATH": "/usr/bin:/bin", "XDG_RUNTIME_DIR": runtime, "TMPDIR": "/tmp"},
            "capture_output": True,
            "text": True,
            "timeout": LIMIT_S,
        }
        try:
            done = subprocess.run([*GCR_EMULATOR, "run", "sh", "-c", "id -u; exit 7"], **options)
        except PermissionError:
            pytest.skip(f"install Python where other users may run it: {sys.executable} is root's alone")

    if "the kernel refuses private namespaces" in done.stderr:
        pytest.skip("other users may have no namespaces: set kernel.unprivileged_userns_clone=1")
    assert (done.returncode, done.stdout, done.stderr) == (7, f"{ANOTHER_USER}\n", "")


def test_h_z53_environment_leads_nowhere_else_and_each_client_to_the_authority() -> None:
    given = {
        "PATH": "/bin",
        "https_proxy": "http://proxy:3128",
        "NO_PROXY": "*",
        "DOCKER_HOST": "tcp://192.0.2.1",
        "STORAGE_EMULATOR_HOST": "http://localhost:5000",
        "CLOUDSDK_API_ENDPOINT_OVERRIDES_IAM": "http://localhost:5000/",
        "HTTPLIB2_CA_CERTS": "/etc/other.pem",
        "SSL_CERT_FILE": "/etc/other.pem",
    }

    assert build_environment(given, "/data/keys/ca.pem") == {
        "PATH": "/bin",
        "CLOUDSDK_CORE_CUSTOM_CA_CERTS_FILE": "/data/keys/ca.pem",
        "CURL_CA_BUNDLE": "/data/keys/ca.pem",
        "DENO_CERT": "/data/keys/ca.pem",
        "DOCKER_CREDENTIAL_GCR_CA_FILE": "/data/keys/ca.pem",
        "GCR_EMULATOR_CA": "/data/keys/ca.pem",
        "GRPC_DEFAULT_SSL_ROOTS_FILE_PATH": "/data/keys/ca.pem",
        "HTTPLIB2_CA_CERTS": "/data/keys/ca.pem",
        "NODE_EXTRA_CA_CERTS": "/data/keys/ca.pem",
        "RCLONE_CA_CERT": "/data/keys/ca.pem",
        "REQUESTS_CA_BUNDLE": "/data/keys/ca.pem",
        "SSL_CERT_FILE": "/data/keys/ca.pem",
        "GCR_EMULATOR_URL": "https://localhost",
        "GCR_EMULATOR_REGISTRY": "gcr.io",
        "GCE_METADATA_HOST": "metadata.google.internal",
        "GCE_METADATA_IP": "169.254.169.254",
        "GCE_METADATA_ROOT": "metadata.google.internal",
    }
