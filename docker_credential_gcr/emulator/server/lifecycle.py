"""Serves: settings -> data directory -> emulator -> listener, until it is told to stop."""

import asyncio
import contextlib
import shutil
import signal
import socket
import sys
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from docker_credential_gcr.emulator.app import Emulator
from docker_credential_gcr.emulator.data_directory import DataDirectory, DataDirectoryError
from docker_credential_gcr.emulator.database.engine.errors import (
    DATABASE_ERRORS,
    UnusableDatabase,
    describe_error,
    translate_error,
)
from docker_credential_gcr.emulator.runtime.files import format_os_error, private_umask
from docker_credential_gcr.emulator.runtime.process_limits import (
    count_connections,
    raise_open_files_limit,
    relax_garbage_collector,
)
from docker_credential_gcr.emulator.settings import Settings
from docker_credential_gcr.emulator.telemetry.metrics import Counts, ProcessCounts
from docker_credential_gcr.emulator.telemetry.worker_counts import WorkerCounts

from .greeting import format_greeting
from .listener import AddressInUse, CannotListen, Door, Listener, bind, is_loopback
from .ready import Ready, announce, describe, find_name
from .supervisor import FIRST, Order, Supervisor, WorkerFailed
from .tls_files import CertificateError, Identity

OnReady = Callable[[Ready], None]
# Gets the ready document and the IDs of the projects.
Greet = Callable[[Ready, list[str]], None]


class _Bound(NamedTuple):
    """A listening socket, the host that it is for (None for all of them), and whether TLS is meant for it."""

    listening: socket.socket
    site: str | None
    tls: bool


async def run(
    settings: Settings, *, stop: asyncio.Event, on_ready: OnReady, greet: Greet | None = None
) -> None:
    """Serve until `stop` is set.

    Raises CannotListen, CertificateError, DataDirectoryError, UnusableDatabase, WorkerFailed; OSError
    from a disk that is full.
    """
    _check_openness(settings)
    connections = count_connections(settings.limits.connections)
    settings = replace(settings, limits=replace(settings.limits, connections=connections))
    with _bind_all(settings) as sockets, _directory(settings) as directory:
        identity = _find_identity(settings, directory)
        doors = [Door(each.listening, identity if each.tls else None, each.site) for each in sockets]
        with (
            _make_counts(settings, directory) as counts,
            contextlib.closing(
                Emulator(settings, directory, is_stopping=stop.is_set, counts=counts)
            ) as emulator,
        ):
            emulator.prepare()
            listener = Listener(emulator.app, doors, settings.limits)
            told = tuple((door.listening.fileno(), door.identity, door.site) for door in doors)
            async with Supervisor(Order(settings, directory.path, told), stop=stop):
                if stop.is_set():  # told so while the workers started
                    return
                ready = describe(settings, doors, directory)
                on_ready(ready)
                if greet is not None:
                    greet(ready, emulator.list_projects())
                # Requests that come at once are served meanwhile, and the first of Google's APIs as soon.
                asyncio.get_running_loop().run_in_executor(None, emulator.load)
                async with _maintain(emulator, settings.gc_interval_s):
                    await listener.run(stop)


@contextlib.contextmanager
def _make_counts(settings: Settings, directory: DataDirectory) -> Iterator[Counts]:
    """The counts of the only worker, or of the first one of several, whose files go when the server stops."""
    # A server that was killed leaves them.
    shutil.rmtree(directory.run_path, ignore_errors=True)
    if settings.workers == 1:
        yield ProcessCounts()
        return
    try:
        yield WorkerCounts(directory.run_path, FIRST)
    finally:
        shutil.rmtree(directory.run_path, ignore_errors=True)


@contextlib.asynccontextmanager
async def _maintain(emulator: Emulator, interval_s: float) -> AsyncIterator[None]:
    """Upkeep at intervals beside what the block does; none for 0."""
    if not interval_s:
        yield
        return
    running = asyncio.ensure_future(emulator.scheduler.run_every(interval_s))
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


def serve(settings: Settings, *, greets: bool = False) -> int:
    """Serve until a signal ends it, with a greeting on stderr if wanted; the exit status."""
    if (complaint := raise_open_files_limit()) is not None:
        _say(complaint)
    try:
        with private_umask():
            _run_until_signal(settings, greets=greets)
    except (
        CannotListen,
        CertificateError,
        DataDirectoryError,
        UnusableDatabase,
        WorkerFailed,
    ) as error:
        message = str(translate_error(error))
    except OSError as error:
        message = format_os_error(error)
    except DATABASE_ERRORS as error:
        message = describe_error(error, "the database cannot be used")
    else:
        return 0
    _say(message)
    return 1


def _say(text: str) -> None:
    print(f"gcr-emulator: {text}", file=sys.stderr, flush=True)  # noqa: T201 - the program's rim


def _run_until_signal(settings: Settings, *, greets: bool) -> None:
    async def main() -> None:
        stop = asyncio.Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, stop.set)

        def on_ready(ready: Ready) -> None:
            if settings.open or settings.open_remote:
                _say(f"open: {ready.url}/v2/ asks nobody for a credential, to pull, to push or to delete")
            announce(ready, settings.ready_file)
            relax_garbage_collector()

        def greet(ready: Ready, projects: list[str]) -> None:
            print(format_greeting(ready, settings, projects), file=sys.stderr, flush=True)  # noqa: T201

        await run(settings, stop=stop, on_ready=on_ready, greet=greet if greets else None)

    loop = new_event_loop()
    try:
        loop.run_until_complete(main())
    finally:
        loop.close()


@contextlib.contextmanager
def _bind_all(settings: Settings) -> Iterator[list[_Bound]]:
    """A listening socket for each address, the server's own first."""
    own = [(settings.host, port, site, True) for site, port in ((None, settings.port), *settings.sites)]
    plain = [(host, port, None, False) for host, port in settings.plain]
    with contextlib.ExitStack() as opened:
        yield [
            _Bound(opened.enter_context(contextlib.closing(_bind(host, port, site))), site, tls)
            for host, port, site, tls in (*own, *plain)
        ]


def _bind(host: str, port: int, site: str | None) -> socket.socket:
    """A socket that listens; raises CannotListen, which names the option for another port."""
    try:
        return bind(host, port)
    except AddressInUse as error:
        option = f"--site {site}=0" if site else "--port 0"
        raise CannotListen(
            f"{error}: stop the program that listens there, or take a free port with {option}"
        ) from error


@contextlib.contextmanager
def _directory(settings: Settings) -> Iterator[DataDirectory]:
    """The data directory of the settings, or one that goes when the server stops."""
    temporary = None if settings.data else tempfile.mkdtemp(prefix="gcr-emulator-")
    try:
        with contextlib.closing(DataDirectory(settings.data or Path(temporary or ""))) as directory:
            if (narrowed := directory.narrow_permissions()) is not None:
                _say(narrowed)
            yield directory
    finally:
        if temporary is not None:
            shutil.rmtree(temporary, ignore_errors=True)


def _find_identity(settings: Settings, directory: DataDirectory) -> Identity | None:
    """What the server shows under TLS; None without."""
    if not (settings.tls or settings.tls_cert):
        return None
    # It takes a tenth of the time that a server without TLS needs to start.
    from .tls import check_identity, load_identity

    if settings.tls_cert is not None and settings.tls_key is not None:
        return check_identity(settings.tls_cert, settings.tls_key)
    return load_identity(directory.keys_path, settings.tls_names, machine=find_name(settings.host))


def _check_openness(settings: Settings) -> None:
    """Refuse to serve more than was asked for in so many words."""
    if settings.allow_remote and settings.open and not settings.open_remote:
        raise CannotListen(
            "--open and --allow-remote let other machines push and delete: say --open-remote if you mean it"
        )
    if not settings.allow_remote and not is_loopback(settings.host):
        raise CannotListen(
            f"{settings.host} can be reached from other machines: say --allow-remote if you mean it"
        )
