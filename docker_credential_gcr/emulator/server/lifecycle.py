"""Server lifecycle: settings -> sockets -> data directory -> emulator -> listener, until it is stopped."""

import asyncio
import contextlib
import shutil
import socket
import sys
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from docker_credential_gcr.emulator.app import Emulator
from docker_credential_gcr.emulator.data_directory import DataDirectory, DataDirectoryError
from docker_credential_gcr.emulator.key_files import KeyFiles
from docker_credential_gcr.emulator.runtime.files import format_os_error, private_umask
from docker_credential_gcr.emulator.runtime.process_limits import (
    count_connections,
    raise_open_files_limit,
    relax_garbage_collector,
)
from docker_credential_gcr.emulator.settings import Settings
from docker_credential_gcr.emulator.shared_keys import open_key_directory
from docker_credential_gcr.emulator.stores import STORE_FAILURES, explain_failure, find_link_warning
from docker_credential_gcr.emulator.telemetry.metrics import Counts, ProcessCounts
from docker_credential_gcr.emulator.telemetry.worker_counts import WorkerCounts

from .banner import format_banner
from .listener import AddressInUse, CannotListen, Listener, ListeningSocket, TlsIdentity, bind, is_loopback
from .ready_document import ReadyDocument, announce, describe, find_host_name
from .shutdown import Shutdown
from .supervisor import FIRST, Supervisor, WorkerConfiguration, WorkerFailed

OnReady = Callable[[ReadyDocument], None]
# Gets the ready document and the IDs of the projects.
ShowBanner = Callable[[ReadyDocument, list[str]], None]


class _Bound(NamedTuple):
    """A listening socket, the only host that it serves (None: every host), and whether it may speak TLS."""

    listening: socket.socket
    site: str | None
    tls: bool


async def run(
    settings: Settings,
    *,
    stop: asyncio.Event,
    on_ready: OnReady,
    draining: asyncio.Event | None = None,
    show_banner: ShowBanner | None = None,
) -> None:
    """Serves until `stop` is set; while only `draining` is set, /readyz answers that the server stops.

    Raises CannotListen, DataDirectoryError, WorkerFailed, one of STORE_FAILURES, and OSError.
    """
    _check_exposure(settings)
    draining = draining or stop
    connections = count_connections(settings.limits.connections)
    settings = replace(settings, limits=replace(settings.limits, connections=connections))
    with (
        _bind_all(settings) as bound,
        _open_data_directory(settings) as directory,
        _make_counts(settings, directory) as counts,
        contextlib.closing(
            Emulator(settings, directory, is_stopping=draining.is_set, counts=counts)
        ) as emulator,
    ):
        identity = _find_identity(settings, directory, emulator.shared_keys)
        sockets = [
            ListeningSocket(each.listening, identity if each.tls else None, each.site) for each in bound
        ]
        emulator.prepare()
        listener = Listener(emulator.app, sockets, settings)
        inherited = tuple((each.listening.fileno(), each.identity, each.site) for each in sockets)
        configuration = WorkerConfiguration(settings, directory.path, inherited)
        async with Supervisor(configuration, stop=stop, draining=draining):
            if stop.is_set():  # a signal came while the workers started
                return
            ready = describe(settings, sockets, directory)
            on_ready(ready)
            if show_banner is not None:
                show_banner(ready, emulator.list_projects())
            # In a thread: requests are served while the modules for Google's APIs load.
            asyncio.get_running_loop().run_in_executor(None, emulator.load)
            async with _maintain(emulator, settings.gc_interval_s), emulator.dispatcher.running():
                await listener.run(stop)


@contextlib.contextmanager
def _make_counts(settings: Settings, directory: DataDirectory) -> Iterator[Counts]:
    """Yields the counts of the only worker, or of the first of several; deletes their files at the end."""
    # Files of a server that was killed.
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
    """Runs maintenance at intervals while the block runs; never for an interval of 0."""
    if not interval_s:
        yield
        return
    running = asyncio.ensure_future(emulator.scheduler.run_every(interval_s))
    try:
        yield
    finally:
        running.cancel()


def new_event_loop() -> asyncio.AbstractEventLoop:
    """Returns an event loop of uvloop, or of asyncio if uvloop is not installed."""
    try:
        import uvloop
    except ImportError:
        return asyncio.new_event_loop()
    return uvloop.new_event_loop()


def serve(settings: Settings, *, shows_banner: bool = False) -> int:
    """Serves until a signal ends it, with a banner on stderr if wanted; returns the exit status."""
    if (warning := raise_open_files_limit()) is not None:
        _say(warning)
    try:
        if (warning := find_link_warning(settings)) is not None:
            _say(warning)
        with private_umask():
            _run_until_signal(settings, shows_banner=shows_banner)
    except (CannotListen, DataDirectoryError, WorkerFailed, *STORE_FAILURES) as error:
        message = explain_failure(error)
    except OSError as error:
        message = format_os_error(error)
    else:
        return 0
    _say(message)
    return 1


def _say(text: str) -> None:
    print(f"gcr-emulator: {text}", file=sys.stderr, flush=True)  # noqa: T201 - the program's stderr


def _run_until_signal(settings: Settings, *, shows_banner: bool) -> None:
    async def main() -> None:
        shutdown = Shutdown(settings.drain_s)
        shutdown.watch_signals()

        def on_ready(ready: ReadyDocument) -> None:
            if settings.open or settings.open_remote:
                _say(f"open: {ready.url}/v2/ requires no credential to pull, push or delete")
            announce(ready, settings.ready_file)
            relax_garbage_collector()

        def show_banner(ready: ReadyDocument, projects: list[str]) -> None:
            print(format_banner(ready, settings, projects), file=sys.stderr, flush=True)  # noqa: T201

        await run(
            settings,
            stop=shutdown.stop,
            on_ready=on_ready,
            draining=shutdown.draining,
            show_banner=show_banner if shows_banner else None,
        )

    loop = new_event_loop()
    try:
        loop.run_until_complete(main())
    finally:
        loop.close()


@contextlib.contextmanager
def _bind_all(settings: Settings) -> Iterator[list[_Bound]]:
    """Yields a listening socket for each address, the server's main one first."""
    main = [(settings.host, port, site, True) for site, port in ((None, settings.port), *settings.sites)]
    plain = [(host, port, None, False) for host, port in settings.plain]
    with contextlib.ExitStack() as opened:
        yield [
            _Bound(opened.enter_context(contextlib.closing(_bind(host, port, site))), site, tls)
            for host, port, site, tls in (*main, *plain)
        ]


def _bind(host: str, port: int, site: str | None) -> socket.socket:
    """Returns a listening socket. Raises CannotListen, which names the option for another port."""
    try:
        return bind(host, port)
    except AddressInUse as error:
        option = f"--site {site}=0" if site else "--port 0"
        raise CannotListen(
            f"{error}: stop the program that listens there, or take a free port with {option}"
        ) from error


@contextlib.contextmanager
def _open_data_directory(settings: Settings) -> Iterator[DataDirectory]:
    """Yields the data directory of the settings, or a temporary one that is deleted at the end."""
    temporary = None if settings.data else tempfile.mkdtemp(prefix="gcr-emulator-")
    try:
        with contextlib.closing(DataDirectory(settings.data or Path(temporary or ""))) as directory:
            if (narrowed := directory.narrow_permissions()) is not None:
                _say(narrowed)
            if settings.keys is not None and (narrowed := open_key_directory(settings.keys)) is not None:
                _say(narrowed)
            if settings.operator_token is not None:
                directory.preset_operator_token(settings.operator_token)
            yield directory
    finally:
        if temporary is not None:
            shutil.rmtree(temporary, ignore_errors=True)


def _find_identity(
    settings: Settings, directory: DataDirectory, shared: KeyFiles | None
) -> TlsIdentity | None:
    """Returns the certificate that the server shows; None without TLS."""
    if not (settings.tls or settings.tls_cert):
        return None
    # A tenth of the start of a server without TLS.
    from .tls import check_identity, load_identity

    if settings.tls_cert is not None and settings.tls_key is not None:
        return check_identity(settings.tls_cert, settings.tls_key)
    machine = find_host_name(settings.host)
    return load_identity(directory.keys_path, settings.tls_names, machine=machine, shared=shared)


def _check_exposure(settings: Settings) -> None:
    """Raises CannotListen for a server that other machines reach, unless the user has allowed that."""
    if settings.open and not settings.open_remote and (settings.allow_remote or settings.is_proxied):
        option = "--allow-remote" if settings.allow_remote else "a load balancer"
        raise CannotListen(
            f"--open and {option} let other machines push and delete: add --open-remote to allow that"
        )
    if not settings.allow_remote and not is_loopback(settings.host):
        raise CannotListen(
            f"{settings.host} can be reached from other machines: add --allow-remote to allow that"
        )
