"""Runs scripts/try: a key, a push and a pull with a real client, and a refusal.

The output is a shell script with its results as comments; each command is run as it is printed.
"""

import argparse
import os
import select
import shlex
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

from _clients import CLIENTS, Client, choose, find_digest
from _environment import CHECKOUT, WHEEL_VARIABLE, Failed, isolated_environ, temporary_directory
from _start import NO_INDEX

PROJECT = "demo-project"
# The path of an environment with helper and emulator, from the tests.
ENVIRONMENT_VARIABLE = "GCR_TEST_ENVIRONMENT"
NEXT = 'README.md, "The emulator in a minute"'
MAKE_WORK = 'install -d -m 700 "$WORK"'
PYTHON = '"$WORK/environment/bin/python"'
# Separate configuration and cache for the helper and the clients.
EXPORTS = (
    'export PATH="$WORK/environment/bin:$PATH"',
    'export DOCKER_CONFIG="$WORK/docker"',
    'export REGISTRY_AUTH_FILE="$WORK/docker/config.json"',
    'export DOCKER_CREDENTIAL_GCR_CONFIG="$WORK/helper.json"',
    'export DOCKER_CREDENTIAL_GCR_CACHE_DIR="$WORK/cache"',
)
# Each line fits a terminal of 80 columns, except lines with paths of the machine.
SERVE = f"""\
gcr-emulator serve --port 0 --ready-file "$WORK/ready.json" \\
  --data "$WORK/data" --project {PROJECT} &"""
AWAIT = """\
while [ ! -s "$WORK/ready.json" ] && kill -0 "$EMULATOR"; do
  sleep 0.1
done"""
REGISTRY = (
    """export REGISTRY="$(sed 's/.*"registry": "\\([^"]*\\)".*/\\1/' "$WORK/ready.json")\"""",
    'export GCR_EMULATOR_URL="http://$REGISTRY"',
)
REPOSITORY = (
    "gcr-emulator repository create images --location us",
    f'export NAME="$REGISTRY/us-docker.pkg.dev/{PROJECT}/images/hello:1"',
)
KEY = """\
gcr-emulator key create --account {0} --role roles/{0} \\
  --output "$WORK/{0}.json\""""
CONFIGURE = """\
docker-credential-gcr configure-docker --registries "$REGISTRY" \\
  --token-source "file:$WORK/editor.json\""""
VIEWER = 'export DOCKER_CREDENTIAL_GCR_TOKEN_SOURCE="file:$WORK/viewer.json"'
# The seconds after which a line says that a command is still running.
SIGN_OF_LIFE_S = 10
STOP_S = 10
_LAST_LINES = 15


def main(arguments: list[str]) -> int:
    """Runs the trial; returns 0, or 1 if a step failed. Exits with 2 for a wrong command line."""
    options = _parse(arguments)
    try:
        with temporary_directory(keep=options.keep) as work:
            environ = isolated_environ(work / "home")
            environ |= {name: os.environ[name] for name in ("DOCKER_HOST",) if name in os.environ}
            client = choose(options.client, environ | {"WORK": str(work)})
            kept = "kept" if options.keep else "removed at the end"
            print(f"# scripts/try with {client.name}: about a minute; its files are {kept}.", flush=True)
            with Shell(environ, work / "log") as shell:
                Trial(work, shell, client).run()
    except Failed as failure:
        print(f"failed: {failure}", file=sys.stderr)
        return 1
    print(f"# next: {NEXT}")
    return 0


def _parse(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="scripts/try",
        description="Install into a temporary environment, start an emulator, push and pull an image. "
        "What is printed can be pasted into a shell.",
        allow_abbrev=False,
    )
    parser.add_argument(
        "--client",
        default="auto",
        choices=["auto", *(client.name for client in CLIENTS)],
        help="what pushes and pulls; auto takes the first that can be used",
    )
    parser.add_argument(
        "--keep", action="store_true", help="keep the directory with keys, data and configuration"
    )
    return parser.parse_args(arguments)


class Shell:
    """A /bin/sh that runs commands one by one; at the end it is killed with all its children."""

    def __init__(self, environ: dict[str, str], log: Path) -> None:
        self._log = log
        self._started = time.monotonic()
        # A pipe that is open while any process of the shell lives; it gets a line for each ended command.
        self._ends, ended = os.pipe()
        with log.open("wb") as output:
            self._process = subprocess.Popen(
                ["/bin/sh"], env=environ, stdin=subprocess.PIPE, stdout=output, stderr=output,
                pass_fds=[ended], text=True, bufsize=1, start_new_session=True,
            )  # fmt: skip
        os.close(ended)
        self._report = f"echo $? >&{ended}"

    def __enter__(self) -> "Shell":
        return self

    def __exit__(self, *_: object) -> None:
        for number in (signal.SIGTERM, signal.SIGKILL):
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, number)
            if select.select([self._ends], [], [], STOP_S)[0]:
                break
        self._process.wait()
        os.close(self._ends)

    def note(self, text: str) -> None:
        """Prints a comment, with the seconds since the start."""
        print(f"# {time.monotonic() - self._started:.0f} s: {text}", flush=True)

    def run(self, command: str, *, quietly: bool = False) -> str:
        """Prints the command and runs it; returns its output. Raises Failed if it fails."""
        if not quietly:
            print(command, flush=True)
        before = self._log.stat().st_size
        assert self._process.stdin is not None  # noqa: S101 - it is a pipe
        self._process.stdin.write(f"{{\n{command}\n}} < /dev/null\n{self._report}\n")
        while not select.select([self._ends], [], [], SIGN_OF_LIFE_S)[0]:
            if self._process.poll() is not None:
                raise Failed(f"{command}: the shell has ended")
            self.note("still running")
        status = os.read(self._ends, 16).strip()
        output = self._log.read_bytes()[before:].decode(errors="replace").rstrip()
        if status != b"0":
            last = output.splitlines()[-_LAST_LINES:]
            raise Failed("\n".join([f"{command}: exit status {status.decode() or 'unknown'}", *last]))
        return output


class Trial:
    """The steps, each with a comment for a reader and commands for a shell."""

    def __init__(self, work: Path, shell: Shell, client: Client) -> None:
        self._work = work
        self._shell = shell
        self._client = client

    def run(self) -> None:
        """Runs all the steps."""
        client = self._client
        self._do("everything is in one directory", f"export WORK={shlex.quote(str(self._work))}", MAKE_WORK)
        self._install()
        self._do("start an emulator", *EXPORTS, SERVE, "EMULATOR=$!", AWAIT, *REGISTRY)
        self._do("create a repository of Artifact Registry", *REPOSITORY)
        self._do("create a key for an editor of the project", KEY.format("editor"))
        self._do("name the helper to Docker, and the key to the helper", CONFIGURE)
        self._do("create an image", client.define, *client.make)
        try:
            digest = self._push_and_pull()
            self._refuse()
        except Failed:
            self._shell.run(client.leave or ":", quietly=True)
            raise
        self._do("stop the emulator", client.leave, 'kill "$EMULATOR"; wait "$EMULATOR"')
        self._shell.note(f"it worked: {digest} was pushed and pulled, and a viewer was refused")

    def _install(self) -> None:
        if prefix := os.environ.get(ENVIRONMENT_VARIABLE):
            self._do("use an existing environment", f'ln -s {shlex.quote(prefix)} "$WORK/environment"')
            return
        what = os.environ.get(WHEEL_VARIABLE) or str(CHECKOUT)
        pip = (
            f"{PYTHON} -m pip install --quiet --disable-pip-version-check {shlex.quote(what + '[emulator]')}"
        )
        self._do("create an environment", 'python3 -m venv "$WORK/environment"')
        try:
            self._do("install the helper and the emulator into it", pip)
        except Failed as failure:
            raise Failed(f"{failure}\n{NO_INDEX}") from failure

    def _push_and_pull(self) -> str:
        client, run = self._client, self._shell.run
        self._do("push", client.push)
        pushed = find_digest(run(client.pushed, quietly=True))
        self._do("pull", client.drop, client.pull)
        pulled = find_digest(run(client.pulled, quietly=True))
        if pushed != pulled:
            raise Failed(f"pushed {pushed}, but pulled {pulled}")
        return pulled

    def _refuse(self) -> None:
        self._do("create a key for a viewer, and let the helper use it", KEY.format("viewer"), VIEWER)
        self._shell.note("push as the viewer, which is refused")
        said = self._shell.run(f"! {self._client.push}")
        self._shell.note(f"the client says: {said.splitlines()[-1]}")

    def _do(self, purpose: str, *commands: str) -> None:
        self._shell.note(purpose)
        for command in filter(None, commands):
            self._shell.run(command)
