"""The composition root: settings -> stores -> application -> listener."""

import asyncio
import contextlib
import dataclasses
import functools
import shutil
import signal
import sys
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, delete
from sqlalchemy.exc import SQLAlchemyError
from starlette.applications import Starlette

from docker_credential_gcr import __version__

from .blobs.claims import Claims
from .blobs.filesystem import BlobFiles
from .capacity import find_known
from .clock import Clock
from .control import app as control
from .control.state import State
from .crew import Crew, Order, WorkerFailed
from .data_directory import DataDirectory, DataDirectoryError
from .google import app as google
from .google.services import Services as GoogleServices
from .identity.credentials import authenticate
from .identity.principal import Principal
from .listener import CannotListen, Door, Listener, bind, is_loopback
from .open_files import count_connections, raise_limit
from .operations import Operations
from .peers import First, Peers
from .ready import Ready, announce, describe, find_name
from .records import keys, projects, schema, uploads
from .records.database import Database, UnusableDatabase
from .registry.app import RegistryApp
from .registry.memory import Memory
from .registry.services import Services as RegistryServices
from .settings import Settings
from .sites import Sites
from .tls import CertificateError, Identity, check_identity, load_identity
from .upkeep.collection import tidy_uploads
from .upkeep.keeper import Keeper
from .upkeep.keeper import Request as UpkeepRequest


class Emulator:
    """Everything behind the doors: the stores of one data directory, and the application over them.

    Each worker has one; `peers` are all of them.
    """

    def __init__(
        self,
        settings: Settings,
        directory: DataDirectory,
        peers: Peers,
        *,
        is_stopping: Callable[[], bool],
    ) -> None:
        self._settings = settings
        self._operations = Operations(settings, peers, is_stopping)
        shared = settings.workers > 1
        self.clock = Clock()
        self.state = State(self.clock, peers, reset=self._reset, forget=self._forget)
        self._signer = directory.load_signer()
        self._operator_token = directory.load_operator_token()
        directory.check_database()
        self._database = Database(
            directory.database_path, shared=shared, observe=self._operations.counts.count_commit
        )
        self._files = BlobFiles(directory.path)
        self.keeper = Keeper(
            self._database, self._files, root=directory.path, limits=settings.limits, now=self.clock.now
        )
        self._registry = RegistryServices(
            self._database,
            self._files,
            self._signer,
            self.clock,
            settings.limits,
            Memory(self._database.version),
            Memory(self._database.access_version),
            takes_sparse_manifests=settings.sparse_manifests,
            claims=Claims(directory.path / "uploads.lock" if shared else None),
            creates_repositories=settings.create_on_push,
        )
        others = Starlette(routes=[*control.routes(self._control()), *google.routes(self._google())])
        sites = self.state.wrap(Sites(RegistryApp(self._registry), others))
        self.app = self._operations.wrap(sites, self._database, directory.path)

    def prepare(self) -> None:
        """Make the projects of the settings, and forget uploads that nobody goes on with."""
        self._database.write_now(self._prepare)
        tidy_uploads(self._database, self._files)

    async def _reset(self) -> None:
        """Forget all but the keys, and make the projects of the settings anew."""

        def work(connection: Connection) -> None:
            connection.execute(delete(schema.operations))
            connection.execute(delete(schema.policies))
            connection.execute(delete(schema.projects))
            self._prepare(connection)

        await self._database.write(work)
        await asyncio.to_thread(self._files.clear)

    def _forget(self) -> None:
        self._registry.spools.clear()

    def close(self) -> None:
        """Finish what is queued."""
        self.keeper.close()
        self._database.close()
        self._operations.close()

    def _prepare(self, connection: Connection) -> None:
        now = self.clock.now()
        for project_id in self._settings.projects:
            if projects.find(connection, project_id) is None:
                projects.create(connection, project_id, name=project_id, now=now)
        uploads.end_stale(connection, before=now - self._settings.limits.upload_lifetime_s)

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
            state=self.state,
            operator_token=self._operator_token,
            strict_admin=self._demands_token,
            verify=self._verify,
            collect=self._collect,
            version=__version__,
        )

    def _collect(self, **options: Any) -> dict[str, int]:
        return dataclasses.asdict(self.keeper.collect(UpkeepRequest(**options)))

    def _google(self) -> GoogleServices:
        return GoogleServices(
            database=self._database,
            clock=self.clock,
            signer=self._signer,
            operator_token=self._operator_token,
            strict_admin=self._demands_token,
            files=self._files,
        )

    @property
    def _demands_token(self) -> bool:
        return self._settings.strict_admin or self._settings.allow_remote


OnReady = Callable[[Ready], None]


async def run(settings: Settings, *, stop: asyncio.Event, on_ready: OnReady) -> None:
    """Serve until `stop` is set.

    Raises CannotListen, CertificateError, DataDirectoryError, UnusableDatabase, WorkerFailed; OSError
    from a disk that is full.
    """
    _check_address(settings)
    connections = count_connections(settings.limits.connections)
    settings = replace(settings, limits=replace(settings.limits, connections=connections))
    listening = bind(settings.host, settings.port)
    with contextlib.closing(listening), _directory(settings) as directory:
        door = Door(listening, _find_identity(settings, directory))
        first = First()
        with contextlib.closing(Emulator(settings, directory, first, is_stopping=stop.is_set)) as emulator:
            emulator.prepare()
            listener = Listener(emulator.app, [door], settings.limits)
            order = Order(settings, directory.path, ((listening.fileno(), door.identity),))
            async with Crew(order, first, settings=emulator.state.list_settings, stop=stop):
                on_ready(describe(settings, door, directory))
                async with _upkeep(emulator, settings.gc_interval_s):
                    await listener.run(stop)


@contextlib.asynccontextmanager
async def _upkeep(emulator: Emulator, interval_s: float) -> AsyncIterator[None]:
    """Upkeep at intervals beside what the block does; none for 0."""
    if not interval_s:
        yield
        return
    running = asyncio.ensure_future(emulator.keeper.run_every(interval_s))
    try:
        yield
    finally:
        running.cancel()


def new_event_loop() -> asyncio.AbstractEventLoop:
    """The fastest event loop there is on this platform."""
    try:
        import uvloop
    except ImportError:
        return asyncio.new_event_loop()
    return uvloop.new_event_loop()


def serve(settings: Settings) -> int:
    """Serve until a signal ends it; the exit status."""
    if (complaint := raise_limit()) is not None:
        print(f"gcr-emulator: {complaint}", file=sys.stderr)  # noqa: T201 - the program's rim
    try:
        _run_until_signal(settings)
    except (
        CannotListen,
        CertificateError,
        DataDirectoryError,
        UnusableDatabase,
        WorkerFailed,
    ) as error:
        message = str(error)
    except OSError as error:
        message = f"{error.filename}: {error.strerror}" if error.filename else str(error)
    except SQLAlchemyError as error:
        known = find_known(error)
        if known is error:
            raise
        message = str(known)
    else:
        return 0
    print(f"gcr-emulator: {message}", file=sys.stderr)  # noqa: T201 - the program's rim
    return 1


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


def _find_identity(settings: Settings, directory: DataDirectory) -> Identity | None:
    """What the server shows under TLS; None without."""
    if settings.tls_cert is not None and settings.tls_key is not None:
        return check_identity(settings.tls_cert, settings.tls_key)
    if settings.tls:
        return load_identity(directory.keys_path, settings.tls_names, machine=find_name(settings.host))
    return None


def _check_address(settings: Settings) -> None:
    if not settings.allow_remote and not is_loopback(settings.host):
        raise CannotListen(
            f"{settings.host} can be reached from other machines: say --allow-remote if you mean it"
        )
