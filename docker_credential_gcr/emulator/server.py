"""The composition root: settings -> stores -> application -> listener."""

import asyncio
import contextlib
import functools
import shutil
import signal
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from sqlalchemy import Connection, delete
from starlette.applications import Starlette

from docker_credential_gcr import __version__

from .blobs.filesystem import BlobFiles
from .clock import Clock
from .control import app as control
from .control.faults import Faults
from .control.journal import Journal
from .data_directory import DataDirectory, DataDirectoryError
from .google import app as google
from .google.services import Services as GoogleServices
from .identity.credentials import authenticate
from .identity.principal import Principal
from .listener import CannotListen, Listener, bind, is_loopback
from .ready import Ready, announce, describe
from .records import keys, projects, schema, uploads
from .records.database import Database, IncompatibleDatabase
from .registry.app import RegistryApp
from .registry.memory import Memory
from .registry.services import Services as RegistryServices
from .settings import Settings
from .sites import Sites


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
            self._database,
            self._files,
            self._signer,
            self.clock,
            settings.limits,
            Memory(self._database.version),
            takes_sparse_manifests=settings.sparse_manifests,
            creates_repositories=settings.create_on_push,
        )
        others = Starlette(routes=[*control.routes(self._control()), *google.routes(self._google())])
        sites = Sites(RegistryApp(self._registry), others)
        self.app = self.journal.wrap(self.faults.wrap(sites))
        self._database.write_now(self._prepare)

    async def reset(self) -> None:
        """Forget all but the keys, and make the projects of the settings anew."""

        def work(connection: Connection) -> None:
            connection.execute(delete(schema.operations))
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
            files=self._files,
        )

    @property
    def _demands_token(self) -> bool:
        return self._settings.strict_admin or self._settings.allow_remote


OnReady = Callable[[Ready], None]


async def run(settings: Settings, *, stop: asyncio.Event, on_ready: OnReady) -> None:
    """Serve until `stop` is set.

    Raises CannotListen, DataDirectoryError, IncompatibleDatabase; OSError from a disk that is full.
    """
    _check_address(settings)
    listening = bind(settings.host, settings.port)
    with contextlib.closing(listening), _directory(settings) as directory:
        emulator = Emulator(settings, directory)
        try:
            listener = Listener(emulator.app, listening)
            on_ready(describe(settings, listening, directory))
            await listener.run(stop)
        finally:
            emulator.close()


def new_event_loop() -> asyncio.AbstractEventLoop:
    """The fastest event loop there is on this platform."""
    try:
        import uvloop
    except ImportError:
        return asyncio.new_event_loop()
    return uvloop.new_event_loop()


def serve(settings: Settings) -> int:
    """Serve until a signal ends it; the exit status."""
    try:
        _run_until_signal(settings)
    except (CannotListen, DataDirectoryError, IncompatibleDatabase) as error:
        message = str(error)
    except OSError as error:
        message = f"{error.filename}: {error.strerror}" if error.filename else str(error)
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


def _check_address(settings: Settings) -> None:
    if not settings.allow_remote and not is_loopback(settings.host):
        raise CannotListen(
            f"{settings.host} can be reached from other machines: say --allow-remote if you mean it"
        )
