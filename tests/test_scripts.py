"""Scripts do what README says about them, and leave nothing behind.

scripts/test names the wheel that it built in GCR_TEST_WHEEL, which scripts/try then installs
instead of building one.
"""

import http.server
import os
import re
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from _environment import temporary_directory
from support.checkout import SCRIPTS

LIMIT_S = 300


@pytest.fixture
def environ() -> Iterator[dict[str, str]]:
    """Yields variables with a separate temporary directory, in which a script leaves nothing."""
    # podman refuses a directory whose name is as long as that of tmp_path.
    with tempfile.TemporaryDirectory(dir="/tmp") as directory:
        yield {**os.environ, "TMPDIR": directory}
        assert os.listdir(directory) == []


@pytest.fixture
def foreign_realm() -> Iterator[str]:
    """Yields the host of a registry whose challenge names a realm on another host."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(401)
            self.send_header("WWW-Authenticate", 'Bearer realm="http://elsewhere.invalid/token",service="x"')
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *arguments: object) -> None:
            del format, arguments

    with http.server.HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"localhost:{server.server_port}"
        server.shutdown()
        thread.join()


def test_d17_try_installs_then_pushes_and_pulls_and_says_the_digest_where_tmpdir_has_a_space(
    environ: dict[str, str],
) -> None:
    directory = Path(environ["TMPDIR"], "my files")
    directory.mkdir()

    done = _run("try", "--client", "builtin", environ=environ | {"TMPDIR": str(directory)})

    assert (done.returncode, done.stderr) == (0, "")
    worked, following = done.stdout.splitlines()[-2:]
    assert re.fullmatch(
        r"# \d+ s: it worked: sha256:[0-9a-f]{64} was pushed and pulled, and a viewer was refused", worked
    )
    assert following == '# next: README.md, "The emulator in a minute"'
    assert _find_processes(re.findall("^export WORK=(.*)", done.stdout, re.MULTILINE)[0]) == []
    directory.rmdir()


@pytest.mark.parametrize(("name", "is_taken"), [("plain", True), ("my files", False), ("d" * 100, False)])
def test_d17_a_script_works_where_the_programs_of_an_environment_can_be_started(
    environ: dict[str, str], monkeypatch: pytest.MonkeyPatch, name: str, is_taken: bool
) -> None:
    directory = Path(environ["TMPDIR"], name)
    directory.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(directory))

    with temporary_directory() as work:
        assert work.parent == (directory if is_taken else Path("/var/tmp"))
    assert not work.exists()
    directory.rmdir()


def test_d06_what_try_prints_can_be_typed_and_does_the_same(environ: dict[str, str]) -> None:
    environ["GCR_TEST_ENVIRONMENT"] = sys.prefix
    printed = _run("try", "--client", "builtin", environ=environ).stdout
    script = f'set -e\n{printed}\nclient digest "$WORK/pulled"; rm -r "$WORK"'

    typed = subprocess.run(
        ["/bin/sh"], input=script, env=environ, capture_output=True, text=True, timeout=LIMIT_S
    )

    assert typed.returncode == 0, typed.stderr
    pushed, pulled = re.findall(r"^sha256:[0-9a-f]{64}$", typed.stdout, re.MULTILINE)[-2:]
    assert pushed == pulled
    assert 'Permission "artifactregistry.repositories.uploadArtifacts" denied' in typed.stderr
    wide = [line for line in printed.splitlines() if len(line) > 80]
    assert [line for line in wide if not re.search(r"/\S{10}|the client says|it worked", line)] == []


def test_try_leaves_nothing_when_it_is_interrupted(environ: dict[str, str]) -> None:
    command = [sys.executable, SCRIPTS / "try", "--client", "builtin"]
    environ["GCR_TEST_ENVIRONMENT"] = sys.prefix  # the script uses this test's environment
    with subprocess.Popen(command, env=environ, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if line.startswith("client push"):
                process.send_signal(signal.SIGINT)

    assert process.returncode == 130
    assert _find_processes(environ["TMPDIR"]) == []


@pytest.mark.needs("docker")
def test_try_says_why_a_client_cannot_be_used(environ: dict[str, str]) -> None:
    done = _run("try", "--client", "docker", environ={**environ, "DOCKER_HOST": "tcp://192.0.2.1:2375"})

    assert (done.returncode, done.stderr) == (
        1,
        "failed: docker cannot be used: its engine is on another machine\n",
    )


def test_the_builtin_client_keeps_its_credential_from_another_host(
    foreign_realm: str, environ: dict[str, str], tmp_path: Path
) -> None:
    helper = tmp_path / "docker-credential-fake"
    helper.write_text('#!/bin/sh\necho \'{"Username":"u","Secret":"s"}\'\n')
    helper.chmod(0o700)
    (tmp_path / "config.json").write_text(f'{{"credHelpers":{{"{foreign_realm}":"fake"}}}}')
    there = {"DOCKER_CONFIG": str(tmp_path), "PATH": f"{tmp_path}:{environ['PATH']}"}

    done = _run("_builtin_client.py", "pull", f"{foreign_realm}/p/i:1", "x", environ={**environ, **there})

    assert (done.returncode, done.stdout, done.stderr) == (
        1,
        "",
        f"{foreign_realm} sends the credential to another host, 'elsewhere.invalid'\n",
    )


def test_d02_d03_fresh_installs_by_the_lines_of_readme_and_runs_its_two_commands() -> None:
    script = (SCRIPTS / "fresh").read_text(encoding="utf-8")
    assignment = re.search(r"^README_COMMANDS='.*?'$", script, re.MULTILINE | re.DOTALL)
    assert assignment is not None
    _, install, *others = assignment[0].strip("'").splitlines()
    lines = install.replace('eval "$(', "").removesuffix(')"')

    done = subprocess.run(["/bin/sh", "-c", lines], cwd=SCRIPTS.parent, capture_output=True, text=True)

    assert [line.partition("  #")[0].rstrip() for line in done.stdout.splitlines()] == [
        "python3 -m venv ~/.local/share/gcr",
        "~/.local/share/gcr/bin/pip install .",
        'export PATH="$HOME/.local/share/gcr/bin:$PATH"',
    ]
    assert others == ["docker-credential-gcr version", "scripts/try", "scripts/test"]


@pytest.mark.parametrize("script", ["try", "check", "bench", "build", "lock", "fresh"])
def test_an_unknown_option_is_a_usage_error(script: str, environ: dict[str, str]) -> None:
    done = _run(script, "--nonsense", environ=environ)

    assert (done.returncode, done.stdout) == (2, "")


def _run(script: str, *arguments: str, environ: dict[str, str]) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, SCRIPTS / script] if script != "fresh" else [SCRIPTS / script]
    command += arguments
    return subprocess.run(command, env=environ, capture_output=True, text=True, timeout=LIMIT_S)


def _find_processes(directory: str) -> list[str]:
    """Returns the command lines of the processes whose variables name the directory."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if directory.encode() in (process / "environ").read_bytes():
                found.append((process / "cmdline").read_bytes().replace(b"\0", b" ").decode())
        except OSError:
            continue
    return found
