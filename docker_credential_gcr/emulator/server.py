"""The composition root: settings -> stores -> application -> listener."""

import asyncio
import contextlib
import functools
import ipaddress
import json
import os
import shutil
import signal
import socket
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Connection, delete
from starlette.applications import Starlette

from docker_credential_gcr import __version__

from .blobs.filesystem import BlobFiles
from .clock import Clock
from .control import app as control
from .control.faults import Faults
from .control.journal import Journal
from .data_directory import DataDirectory, DataDirectoryError, replace_file
from .google import app as google
from .google.services import Services as GoogleServices
from .identity.credentials import authenticate
from .identity.principal import Principal
from .listener import CannotListen, Listener, bind, format_address
from .records import keys, projects, schema, uploads
from .records.database import Database, IncompatibleDatabase
from .registry.app import RegistryApp
from .registry.services import Services as RegistryServices
from .settings import Settings
from .sites import Sites


class RemoteRefused(Exception):
    """The address can be reached from other machines, and nobody said that it may."""


@dataclass(frozen=True)
class Ready:
    """Where a server answers, and where its things are; written as the ready document."""

    url: str
    registry: str
    pid: int
    data: str
    ca: str | None
    operator_token_file: str


class Emulator:
    """Everything behind the port: the stores of one data directory, and the application over them."""

    def __init__(self, settings: Settings, directory: DataDirectory) -> None:
        self._settings = settings
        self.clock = Clock()
        self.journal = Journal(self.clock)
        self.faults = Faults()
        self._signer = directory.load_signer()
        self._operator_token = directory.load_operator_token()
        self._database = Database(directory.database_path)
        self._files = BlobFiles(directory.path)
        self._registry = RegistryServices(
            self._database, self._files, self._signer, self.clock, settings.limits
        )
        others = Starlette(routes=[*control.routes(self._control()), *google.routes(self._google())])
        sites = Sites(RegistryApp(self._registry), others)
        self.app = self.journal.wrap(self.faults.wrap(sites))
        self._database.write_now(self._prepare)

    async def reset(self) -> None:
        """Forget all but the keys, and make the projects of the settings anew."""

        def work(connection: Connection) -> None:
            connection.execute(delete(schema.policies))
            connection.execute(delete(schema.projects))
            self._prepare(connection)

        await self._database.write(work)
        await asyncio.to_thread(self._files.clear)
        self._registry.spools.clear()
        self.faults.replace([])
        self.clock.reset()
        self.journal.clear()

    def close(self) -> None:
        """Finish what is queued."""
        self._database.close()

    def _prepare(self, connection: Connection) -> None:
        now = self.clock.now()
        for project_id in self._settings.projects:
            if projects.find(connection, project_id) is None:
                projects.create(connection, project_id, name=project_id, now=now)
        uploads.end_stale(connection, before=now - self._settings.limits.upload_lifetime_s)
        self._files.discard_uploads_except(uploads.list_ids(connection))

    def _verify(self, token: str) -> Principal:
        """The principal of an access token; raises InvalidCredential."""
        with self._database.read() as connection:
            return authenticate(
                f"Bearer {token}",
                find_key=functools.partial(keys.find, connection),
                signer=self._signer,
                now=self.clock.now(),
            )

    def _control(self) -> control.Services:
        return control.Services(
            clock=self.clock,
            journal=self.journal,
            faults=self.faults,
            operator_token=self._operator_token,
            strict_admin=self._demands_token,
            verify=self._verify,
            reset=self.reset,
            version=__version__,
        )

    def _google(self) -> GoogleServices:
        return GoogleServices(
            database=self._database,
            clock=self.clock,
            signer=self._signer,
            operator_token=self._operator_token,
            strict_admin=self._demands_token,
        )

    @property
    def _demands_token(self) -> bool:
        return self._settings.strict_admin or self._settings.allow_remote


OnReady = Callable[[Ready], None]


async def run(settings: Settings, *, stop: asyncio.Event, on_ready: OnReady) -> None:
    """Serve until `stop` is set.

    Raises CannotListen, DataDirectoryError, IncompatibleDatabase, RemoteRefused.
    """
    _check_address(settings)
    listening = bind(settings.host, settings.port)
    with contextlib.closing(listening), _directory(settings) as directory:
        emulator = Emulator(settings, directory)
        try:
            listener = Listener(emulator.app, listening)
            on_ready(_describe(settings, listening, directory))
            await listener.run(stop)
        finally:
            emulator.close()


class InThread:
    """A server in a thread of this process, for tests: `with InThread(settings) as ready`."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._ready: Future[Ready] = Future()
        self._loop = new_event_loop()
        self._stop = asyncio.Event()
        self._thread = threading.Thread(target=self._main, name="gcr-emulator", daemon=True)

    def __enter__(self) -> Ready:
        """Start it; raises what `run` raises."""
        self._thread.start()
        return self._ready.result()

    def __exit__(self, *_: object) -> None:
        """Stop it and wait until it has ended."""
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join()

    def _main(self) -> None:
        serving = run(self._settings, stop=self._stop, on_ready=self._ready.set_result)
        try:
            self._loop.run_until_complete(serving)
        except Exception as error:
            if self._ready.done():
                raise
            self._ready.set_exception(error)
        finally:
            self._loop.close()


def serve(settings: Settings) -> int:
    """Serve until a signal ends it; the exit status."""
    try:
        _run_until_signal(settings)
    except (CannotListen, DataDirectoryError, IncompatibleDatabase, RemoteRefused) as error:
        print(f"gcr-emulator: {error}", file=sys.stderr)  # noqa: T201 - the program's rim
        return 1
    return 0


def _run_until_signal(settings: Settings) -> None:
    async def main() -> None:
        stop = asyncio.Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, stop.set)
        await run(settings, stop=stop, on_ready=lambda ready: announce(ready, settings.ready_file))

    loop = new_event_loop()
    try:
        loop.run_until_complete(main())
    finally:
        loop.close()


def new_event_loop() -> asyncio.AbstractEventLoop:
    """The fastest event loop there is on this platform."""
    try:
        import uvloop
    except ImportError:
        return asyncio.new_event_loop()
    return uvloop.new_event_loop()


def announce(ready: Ready, ready_file: Path | None) -> None:
    """Print the ready document, one line, and leave it in the file."""
    line = json.dumps(vars(ready)) + "\n"
    if ready_file is not None:
        replace_file(ready_file, line.encode())
    sys.stdout.write(line)
    sys.stdout.flush()


@contextlib.contextmanager
def _directory(settings: Settings) -> Iterator[DataDirectory]:
    """The data directory of the settings, or one that goes when the server stops."""
    temporary = None if settings.data else tempfile.mkdtemp(prefix="gcr-emulator-")
    try:
        with contextlib.closing(DataDirectory(settings.data or Path(temporary or ""))) as directory:
            yield directory
    finally:
        if temporary is not None:
            shutil.rmtree(temporary, ignore_errors=True)


def _check_address(settings: Settings) -> None:
    if settings.allow_remote:
        return
    try:
        found = socket.getaddrinfo(settings.host, None, type=socket.SOCK_STREAM)
    except OSError as error:
        raise CannotListen(f"cannot listen on {settings.host}: {error.strerror}") from error
    if not all(ipaddress.ip_address(str(address[0]).partition("%")[0]).is_loopback for *_, address in found):
        raise RemoteRefused(
            f"{settings.host} can be reached from other machines: say --allow-remote if you mean it"
        )


def _describe(settings: Settings, listening: socket.socket, directory: DataDirectory) -> Ready:
    port = listening.getsockname()[1]
    # A loopback address is spelled as people and Docker's defaults spell it.
    authority = format_address(settings.host if settings.allow_remote else "localhost", port)
    return Ready(
        url=f"http://{authority}",
        registry=authority,
        pid=os.getpid(),
        data=str(directory.path),
        ca=None,
        operator_token_file=str(directory.operator_token_path),
    )
