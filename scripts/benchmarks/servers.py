"""Runs the registries that are compared: the emulator, and Debian's docker-registry without credentials."""

import base64
import json
import socket
import ssl
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlencode
from urllib.request import Request, urlopen

from _emulator_process import emulator
from _environment import Failed, run

from benchmarks.load import Endpoint

START_S = 30


@dataclass(frozen=True)
class RegistryServer:
    """A running registry; `open` returns the endpoint of a repository, with a new token if needed."""

    name: str
    pid: int
    port: int
    open: Callable[[str], Endpoint]


@contextmanager
def run_emulator(
    serve: Sequence[str], environ: Mapping[str, str], work: Path, project: str, *options: str
) -> Iterator[RegistryServer]:
    """Runs the emulator as it ships: it decides about every request and flushes every push to the disk."""
    work.mkdir(exist_ok=True)
    command = [*serve, "--data", str(work / "data"), *options]
    with emulator(command, environ=environ, log=work / "emulator.log") as ready:
        key = work / "key.json"
        create = ["key", "create", "--server", ready["url"], "--project", project, "--account", "load"]
        ca = ["--ca", ready["ca"]] if ready["ca"] else []
        run(
            [serve[0], *create, *ca, "--role", "roles/editor", "--output", str(key), "--force"],
            environ=environ,
        )
        port = int(ready["registry"].rpartition(":")[2])

        def open_(repository: str) -> Endpoint:
            named = f"{project}/{repository}"
            return Endpoint(port, named, f"Bearer {_fetch_token(ready, key, named)}")

        yield RegistryServer("emulator", ready["pid"], port, open_)


@contextmanager
def run_docker_registry(environ: Mapping[str, str], work: Path) -> Iterator[RegistryServer]:
    """Runs Debian's docker-registry on files, without authentication and without a log."""
    work.mkdir()
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    settings = work / "config.yml"
    settings.write_text(
        "version: 0.1\n"
        "log: {accesslog: {disabled: true}, level: error}\n"
        f"storage: {{filesystem: {{rootdirectory: {work / 'data'}}}, delete: {{enabled: true}}}}\n"
        f"http: {{addr: '127.0.0.1:{port}'}}\n"
    )
    with (work / "registry.log").open("wb") as log:
        process = subprocess.Popen(
            ["docker-registry", "serve", str(settings)], env=environ, stdout=log, stderr=log
        )
        try:
            _await(port)
            yield RegistryServer(
                "docker-registry", process.pid, port, lambda repository: Endpoint(port, repository, None)
            )
        finally:
            process.terminate()
            process.wait()


def _fetch_token(ready: Mapping[str, str], key: Path, repository: str) -> str:
    scope = f"repository:{repository}:pull,push"
    query = urlencode({"service": ready["registry"], "scope": scope})
    credential = base64.b64encode(f"_json_key:{key.read_text()}".encode()).decode()
    request = Request(f"{ready['url']}/v2/token?{query}", headers={"Authorization": f"Basic {credential}"})  # noqa: S310 - our own
    context = ssl.create_default_context(cafile=ready["ca"]) if ready["ca"] else None
    with urlopen(request, context=context) as answer:  # noqa: S310 - as above
        return str(json.load(answer)["token"])


def _await(port: int) -> None:
    deadline = time.monotonic() + START_S
    while time.monotonic() < deadline:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise Failed("docker-registry does not start")
