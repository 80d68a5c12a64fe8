"""Counts the modules of the package that one warm request enters, and the moves from one to another.

A move is a call whose caller, the nearest frame of the package, is in another module; a coroutine that
resumes is not counted again. The trace covers the server's event loop thread and the helper's main thread.
"""

import asyncio
import base64
import json
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.client import HTTPConnection
from pathlib import Path
from types import FrameType
from typing import Any
from urllib.parse import urlencode

from _environment import run
from _image import MANIFEST, digest_of

from benchmarks.rates import MANIFESTS_NAME, make_manifest

PACKAGE = "docker_credential_gcr"
PROJECT, REPOSITORY = "trace-project", "trace-project/image"
# The first requests import, compile statements and fill caches.
_WARM_UPS = 3
# Turns of the event loop before the trace ends: a request ends after its answer.
_SETTLE = 50
_HELPER = """
import json, os, runpy, sys
sys.path.insert(0, os.environ["TRACE_SCRIPTS"])
from benchmarks.request_trace import Trace
trace = Trace()
sys.argv = [os.environ["TRACE_HELPER"], "get"]

def leave(status):
    raise SystemExit(status)

os._exit = leave
sys.setprofile(trace.note)
try:
    runpy.run_path(sys.argv[0], run_name="__main__")
finally:
    sys.setprofile(None)
    print(json.dumps([sorted(trace.modules), trace.moves]), file=sys.stderr)
"""


@dataclass
class Trace:
    """The modules that were entered, and the number of moves between them."""

    modules: set[str] = field(default_factory=set)
    moves: int = 0
    # Keeps the frames alive, so that no new frame has the id of an old one.
    _frames: set[FrameType] = field(default_factory=set)

    def note(self, frame: FrameType, event: str, _argument: object) -> None:
        """Counts a call; a callback for sys.setprofile."""
        module = _find_module(frame)
        if event != "call" or module is None or frame in self._frames:
            return
        self._frames.add(frame)
        self.modules.add(module)
        caller = frame.f_back
        while caller is not None and _find_module(caller) is None:
            caller = caller.f_back
        self.moves += caller is not None and _find_module(caller) != module

    def format(self, name: str) -> str:
        """Returns the line for the table."""
        return f"{name:20} {len(self.modules):8} {self.moves:8}"


def _find_module(frame: FrameType) -> str | None:
    name = frame.f_globals.get("__name__", "")
    return name[len(PACKAGE) + 1 :] if name.startswith(f"{PACKAGE}.") else None


def measure(environ: Mapping[str, str], work: Path) -> Iterator[str]:
    """Yields the lines to print: a table, and the modules of each request."""
    work.mkdir()
    traces: dict[str, Trace] = {}
    with _serving(work / "data") as server:
        client = _Client(server, environ, work)
        traces["PATCH of 1 KiB"] = server.trace(client.begin, client.patch)
        traces["manifest PUT"] = server.trace(client.push_layers, client.put_manifest)
        traces["token"] = server.trace(lambda: None, client.fetch_token)
        traces["cached get"] = _trace_helper(environ, client.host, work / "key.json")
    yield "one warm request      modules    moves"
    yield from (trace.format(name) for name, trace in traces.items())
    for name, trace in traces.items():
        yield f"{name}: {' '.join(sorted(trace.modules))}"


class _Server:
    """A server in a thread of this process, whose event loop can be traced."""

    def __init__(self, loop: asyncio.AbstractEventLoop, url: str) -> None:
        self.loop = loop
        self.url = url

    def trace(self, prepare: Callable[[], None], act: Callable[[], object]) -> Trace:
        """Returns the trace of `act` after warm-ups, without `prepare`."""
        for _ in range(_WARM_UPS):
            prepare()
            act()
        prepare()
        self._settle()
        trace = Trace()
        self._set_profile(trace.note)
        act()
        self._settle()
        self._set_profile(None)
        return trace

    def _set_profile(self, note: Any) -> None:
        done: Future[None] = Future()

        def set_profile() -> None:
            sys.setprofile(note)
            done.set_result(None)

        self.loop.call_soon_threadsafe(set_profile)
        done.result()

    def _settle(self) -> None:
        async def turn() -> None:
            for _ in range(_SETTLE):
                await asyncio.sleep(0)

        asyncio.run_coroutine_threadsafe(turn(), self.loop).result()


@contextmanager
def _serving(data: Path) -> Iterator[_Server]:
    from docker_credential_gcr.emulator.server.lifecycle import new_event_loop
    from docker_credential_gcr.emulator.server.lifecycle import run as serve
    from docker_credential_gcr.emulator.settings import Settings

    loop, stop = new_event_loop(), asyncio.Event()
    ready: Future[Any] = Future()
    settings = Settings(port=0, data=data, projects=(PROJECT,), gc_interval_s=0)
    serving = serve(settings, stop=stop, on_ready=ready.set_result)
    thread = threading.Thread(target=loop.run_until_complete, args=(serving,))
    thread.start()
    try:
        yield _Server(loop, ready.result(60).url)
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join()
        loop.close()


class _Client:
    """A client of the server, on one connection."""

    def __init__(self, server: _Server, environ: Mapping[str, str], work: Path) -> None:
        self.host = server.url.rpartition("/")[2].replace("127.0.0.1", "localhost")
        self._connection = HTTPConnection(self.host, timeout=60)
        key = work / "key.json"
        program = str(Path(sys.executable).with_name("gcr-emulator"))
        create = ("key", "create", "--server", server.url, "--project", PROJECT, "--account", "trace")
        run([program, *create, "--role", "roles/editor", "--output", str(key)], environ=environ)
        credential = base64.b64encode(b"_json_key:" + key.read_bytes()).decode()
        self._basic = {"Authorization": f"Basic {credential}"}
        self._bearer = {"Authorization": f"Bearer {self.fetch_token()}"}
        self._location = ""
        self._number = 0
        self.push_layers()

    def fetch_token(self) -> str:
        """Fetches a token for a push from the token endpoint."""
        query = urlencode({"service": self.host, "scope": f"repository:{REPOSITORY}:pull,push"})
        return str(json.loads(self._ask("GET", f"/v2/token?{query}", b"", self._basic)[1])["token"])

    def begin(self) -> None:
        """Starts an upload."""
        path = f"/v2/{REPOSITORY}/blobs/uploads/"
        self._location = self._ask("POST", path, b"", self._bearer)[0]["Location"]

    def patch(self) -> None:
        """Sends 1 KiB."""
        self._location = self._ask("PATCH", self._location, bytes(1024), self._bearer)[0]["Location"]

    def push_layers(self) -> None:
        """Pushes the blobs that the manifests name."""
        for data in MANIFESTS_NAME:
            self.begin()
            self._ask("PUT", f"{self._location}?digest={digest_of(data)}", data, self._bearer)

    def put_manifest(self) -> None:
        """Pushes a new manifest."""
        self._number += 1
        content = make_manifest(f"{self._number}")
        headers = {**self._bearer, "Content-Type": MANIFEST}
        self._ask("PUT", f"/v2/{REPOSITORY}/manifests/latest", content, headers)

    def _ask(self, method: str, path: str, body: bytes, headers: Mapping[str, str]) -> tuple[Any, bytes]:
        self._connection.request(method, path, body or None, dict(headers))
        answer = self._connection.getresponse()
        content = answer.read()
        assert answer.status < 300, (answer.status, content)  # noqa: S101 - a measurement's own check
        return answer.headers, content


def _trace_helper(environ: Mapping[str, str], host: str, key: Path) -> Trace:
    python = Path(sys.executable)
    helper = python.with_name("docker-credential-gcr")
    run(
        [str(helper), "configure-docker", "--registries", host, "--token-source", f"file:{key}"],
        environ=environ,
    )
    variables = {**environ, "TRACE_SCRIPTS": str(Path(__file__).parents[1]), "TRACE_HELPER": str(helper)}
    # The first call fetches the token that the second takes from the cache.
    for _ in range(2):
        answer = subprocess.run(
            [str(python), "-B", "-c", _HELPER], env=variables, input=host, capture_output=True, text=True
        )
    modules, moves = json.loads(answer.stderr.splitlines()[-1])
    return Trace(set(modules), moves)
