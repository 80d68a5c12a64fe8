"""Machine that `doctor` examines: its directories, programs and environment."""

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
from support.checkout import DOCS

PROGRAM = "docker-credential-gcr"
EMAIL = "ci@my-project.iam.gserviceaccount.com"
SCHEMA = DOCS / "schemas/doctor.json"


class Serve:
    """`gcr-emulator serve` in a separate process, as in another terminal."""

    def __init__(self, machine: "Machine", *arguments: str) -> None:
        self.machine = machine
        self.arguments = arguments

    def __enter__(self) -> "Serve":
        self.process = subprocess.Popen(
            [str(self.machine.programs / "gcr-emulator"), "serve", *self.arguments],
            env=self.machine.environ,
            cwd=self.machine.directory,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
        )
        assert self.process.stdout is not None
        ready = json.loads(self.process.stdout.readline())
        self.url, self.registry = ready["url"], ready["registry"]
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self.process.terminate()
        self.process.communicate(timeout=60)


class Machine:
    """A machine without a fault: the program on PATH, an emulator, a key for it, an image."""

    def __init__(self, cli: Any, emulator: Any, authorization_server: Any) -> None:
        self.cli = cli
        self.emulator = emulator
        self.authorization_server = authorization_server  # a login there succeeds at once
        self.registry: str = emulator.registry
        self.directory: Path = cli.directory
        self.programs: Path = cli.programs
        self.write_program = cli.write_program
        self.docker: Path = cli.docker
        self.own: Path = cli.own
        self.write_program(PROGRAM, f'exec "{sys.executable}" -m docker_credential_gcr "$@"')
        main = "from docker_credential_gcr.emulator.cli.main import main; raise SystemExit(main())"
        self.write_program("gcr-emulator", f'exec "{sys.executable}" -c "{main}" "$@"')
        # `mktemp -d`, which doctor prints, uses it.
        self.environ: dict[str, str] = {**cli.environ, "TMPDIR": str(self.directory)}
        self.key = Path(shutil.move(emulator.key(), self.directory / "key.json"))
        self.image = f"{self.registry}/my-project/app"
        self.run(f"{PROGRAM} configure-docker --registries {self.registry} --token-source file:key.json")
        shutil.copy(self.key, self.directory / "KEY.json")
        self.closing: list[Callable[[], object]] = []

    def run(self, command: str) -> None:
        """Runs a command in the machine's shell; its changes of variables persist, a server keeps running."""
        if command.startswith("gcr-emulator serve "):
            served = Serve(self, *command.split()[2:])
            served.__enter__()
            self.closing.append(served.close)
            return
        script = f"{command}\nstatus=$?\nenv -0 > .environ\nexit $status"
        done = subprocess.run(
            ["/bin/sh", "-c", script],
            env=self.environ,
            cwd=self.directory,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        pairs = (self.directory / ".environ").read_text().split("\0")
        self.environ = dict(pair.split("=", 1) for pair in pairs if "=" in pair)

    def doctor(self, *names: str) -> list[dict[str, Any]]:
        """Returns the findings; checks the schema, and that the exit status agrees."""
        self.cli.environ = self.environ
        done = self.cli("doctor", "--json", *names)
        assert done.stderr == ""
        document = json.loads(done.stdout)
        jsonschema.validate(document, json.loads(SCHEMA.read_text()))
        findings: list[dict[str, Any]] = document["findings"]
        has_fault = any(finding["state"] == "fault" for finding in findings)
        assert (done.status, document["ok"]) == (int(has_fault), not has_fault)
        return findings

    def edit(self, path: Path, change: Callable[[Any], Any]) -> None:
        path.write_text(json.dumps(change(json.loads(path.read_text()))))

    def set_sources(self, *sources: str) -> None:
        self.own.write_text(json.dumps({"Registries": {self.registry: {"TokenSources": list(sources)}}}))

    def forget_tokens(self) -> None:
        shutil.rmtree(self.cli.home / ".cache", ignore_errors=True)
