"""Composition root of a worker: data directory -> stores -> services -> one ASGI application."""

import asyncio
import dataclasses
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any

from docker_credential_gcr import __version__
from docker_credential_gcr.emulator.control import initial_state
from docker_credential_gcr.emulator.control.journal import DatabaseJournal, ProcessJournal
from docker_credential_gcr.emulator.control.shared_state import ControlState
from docker_credential_gcr.emulator.database import probes
from docker_credential_gcr.emulator.database.accounts import aws_access_keys
from docker_credential_gcr.emulator.database.accounts.authenticator import Authenticator
from docker_credential_gcr.emulator.database.accounts.key_table import KeyTable
from docker_credential_gcr.emulator.database.engine.database import Database
from docker_credential_gcr.emulator.database.events import leases
from docker_credential_gcr.emulator.database.projects import projects
from docker_credential_gcr.emulator.database.read_cache import ReadCache
from docker_credential_gcr.emulator.events.dispatcher import Wakeup
from docker_credential_gcr.emulator.google.dependencies import GoogleServices
from docker_credential_gcr.emulator.google.grpc import refuse_grpc
from docker_credential_gcr.emulator.identity.federation.aws_sigv4 import AccessKey
from docker_credential_gcr.emulator.identity.keys import jws
from docker_credential_gcr.emulator.identity.signed_urls import UrlSigner
from docker_credential_gcr.emulator.maintenance.scheduler import CollectionRequest, MaintenanceScheduler
from docker_credential_gcr.emulator.maintenance.sweeper import sweep
from docker_credential_gcr.emulator.middleware.host_router import HostRouter
from docker_credential_gcr.emulator.middleware.lazy_app import LazyApp
from docker_credential_gcr.emulator.middleware.stack import MiddlewareStack
from docker_credential_gcr.emulator.outgoing.client import OutgoingClient
from docker_credential_gcr.emulator.outgoing.rule import make_rule
from docker_credential_gcr.emulator.registry.app import RegistryApp
from docker_credential_gcr.emulator.registry.dependencies import RegistryServices
from docker_credential_gcr.emulator.registry.dialects.public_registries import PublicRegistry
from docker_credential_gcr.emulator.runtime.asgi import App
from docker_credential_gcr.emulator.runtime.clock import Clock
from docker_credential_gcr.emulator.runtime.errors import StorageFull
from docker_credential_gcr.emulator.telemetry.metrics import PUBSUB, Counts, ProcessCounts

from .data_directory import DataDirectory
from .extra import check_late
from .gce_instance import CurrentInstance
from .key_files import KeyFiles
from .notifications import Notifications
from .refusals import refuse
from .settings import Settings
from .shared_keys import share_keys
from .stores import open_database, open_store

if TYPE_CHECKING:
    from starlette.applications import Starlette

    from docker_credential_gcr.emulator.google.metadata.server import MetadataServer

    from .control import app as control


class Emulator:
    """An emulator: the stores of one data directory, and the application on them.

    Each worker has one; `counts` are for the operator's metrics.
    """

    def __init__(
        self,
        settings: Settings,
        directory: DataDirectory,
        *,
        is_stopping: Callable[[], bool],
        counts: Counts | None = None,
    ) -> None:
        check_late()
        self._settings, self._directory, self._is_stopping = settings, directory, is_stopping
        self._counts = counts = counts or ProcessCounts()
        self._middleware = MiddlewareStack(settings, counts, is_stopping, refuse=refuse)
        self.clock = Clock()
        self._instance = CurrentInstance(settings.instance)
        # Where the keys of all servers on the database are; None if they are the directory's own.
        self.shared_keys: KeyFiles | None = None
        self._wakeup = Wakeup()
        self._store = open_store(settings, directory.path)
        database = self._open_shared_database(counts) if settings.database else None
        self._signer = directory.load_signer()
        self._issuer = directory.load_issuer()
        self._id_tokens = directory.load_id_token_signer()
        self._operator_token = directory.load_operator_token()
        self._database = database or self._open_database(counts)
        self.state = self._build_state()
        self._authenticator = Authenticator(self._signer, self.clock.now)
        self._registry = self._build_registry()
        self.scheduler = MaintenanceScheduler(
            self._database, self._store, root=directory.path, limits=settings.limits, now=self.state.find_now
        )
        self._outgoing = OutgoingClient(make_rule(settings))
        self._notifications = self._build_notifications()
        self.dispatcher = self._notifications.dispatcher
        self._apis = LazyApp(self._build_apis)
        self._metadata = LazyApp(self._build_metadata)
        self.app = self._build_app()

    def _open_database(self, counts: Counts) -> Database:
        return open_database(
            self._settings,
            self._directory.path,
            self._store,
            observe=partial(self._note_commit, counts),
            follow=self.clock.follow,
        )

    def _note_commit(self, counts: Counts, writes: int, seconds: float) -> None:
        counts.count_commit(writes, seconds)
        self._wakeup.note_commit()

    def _build_notifications(self) -> Notifications:
        return Notifications(
            self._database,
            self._settings,
            self._counts,
            self._outgoing,
            now=self.state.find_now,
            wakeup=self._wakeup,
            build_google=self._build_google,
        )

    def _open_shared_database(self, counts: Counts) -> Database:
        database = self._open_database(counts)
        if self._directory.is_shared:  # the first worker has copied the keys into it
            return database
        try:
            self.shared_keys = share_keys(self._directory, KeyTable(database), self._settings.keys)
        except BaseException:
            database.close()
            raise
        return database

    def _build_app(self) -> App:
        """Returns middleware -> journal and faults -> the site of the request's host."""
        sites = HostRouter(
            RegistryApp(self._registry),
            PublicRegistry(),
            refuse_grpc(self._apis),
            self._metadata,
            is_open=self._registry.is_open,
            external_url=self._settings.external_url,
        )
        return self._middleware.wrap(
            self.state.wrap(sites),
            touch_database=partial(probes.touch, self._database),
            measure_database=partial(probes.measure, self._database),
            measure_storage=self._store.measure,
        )

    def _build_state(self) -> ControlState:
        journal = (
            DatabaseJournal(self.clock, self._database)
            if self._settings.journal
            else ProcessJournal(self.clock)
        )
        return ControlState(
            self._database,
            self.clock,
            self._instance,
            journal,
            reset=self._reset,
            clear_caches=self._clear_caches,
            refuse=refuse,
        )

    def _build_registry(self) -> RegistryServices:
        settings = self._settings
        return RegistryServices(
            self._database,
            self._store,
            self._signer,
            self._authenticator,
            self.clock,
            settings.limits,
            ReadCache(self._database.read, self._database.version),
            ReadCache(self._database.read, self._database.access_version),
            registry_kind=settings.registry,
            takes_sparse_manifests=settings.sparse_manifests,
            creates_repositories=settings.create_on_push,
            is_open=settings.open or settings.open_remote,
            is_open_to_others=settings.open_remote,
            links=UrlSigner(self._signer.derive_key("links")) if settings.redirect_blobs else None,
        )

    def prepare(self) -> None:
        """Prepares the database and the directory; for the first process only, before any process serves."""
        work = partial(initial_state.prepare, settings=self._settings, now=self.clock.now())
        self._database.write_now(work)
        # A database that was restored is checked before any bytes are deleted, with --gc-interval 0.
        if not self._database.is_remote:
            # On a full disk they stay, and end by themselves.
            with suppress(StorageFull):
                self._database.write_now(leases.end_all)
            sweep(self._database, self._store, now=self.clock.now())
        self._directory.remove_older_uploads()

    async def _reset(self) -> None:
        work = partial(initial_state.reset, settings=self._settings, now=self.clock.now())
        await self._database.write(work)
        await asyncio.to_thread(sweep, self._database, self._store, now=self.clock.now())

    def _clear_caches(self) -> None:
        self._registry.hashers.clear()
        if self._metadata.app is not None:
            self._metadata.app.forget()

    def close(self) -> None:
        """Finishes what is queued."""
        self.scheduler.stop()
        if self._database.is_remote:
            # First: it refuses what it does not answer, which the maintenance may wait for.
            self._database.close()
        self.scheduler.close()
        self._database.close()
        self._middleware.close()

    def list_projects(self) -> list[str]:
        """Returns the IDs of the projects that are not deleted."""
        found = self._database.read_now(projects.list_all)
        return [each.project_id for each in found if each.deleted_at is None]

    def load(self) -> None:
        """Loads what the first requests need. Ignores errors: the request that needs it reports them."""
        with suppress(OSError, ImportError):
            jws.load()
            self._apis.load()
            self._metadata.load()

    def _build_apis(self) -> "Starlette":
        # 60 ms, which the registry does not need.
        from starlette.applications import Starlette

        from .control import app as control
        from .google import app as google

        return Starlette(
            routes=[*control.build_routes(self._build_control()), *google.routes(self._build_google())]
        )

    def _build_metadata(self) -> "MetadataServer":
        from docker_credential_gcr.emulator.google.metadata.server import MetadataServer  # 10 ms

        return MetadataServer(
            self._build_google(),
            self._instance,
            self._apis,
            refresh=self.state.refresh,
            takes_any_host=self._settings.allow_remote,
        )

    def _build_control(self) -> "control.ControlServices":
        from .control import app as control  # as above
        from .control.events import EventReader
        from .control.users import UserEndpoints
        from .control.webhooks import WebhookEndpoints

        return control.ControlServices(
            state=self.state,
            operator_token=self._operator_token,
            strict_admin=self._settings.requires_token,
            database=self._database,
            authenticator=self._authenticator,
            issuer=self._issuer,
            save_aws_key=self._save_aws_key,
            collect=self._collect,
            version=__version__,
            users=UserEndpoints(self._database, self.state),
            sign_access=self._signer.sign_access,
            events=EventReader(self._database, self.dispatcher.admit, self._is_stopping),
            webhooks=WebhookEndpoints(self._database, self.state.find_now, self._notifications),
        )

    def _collect(self, **options: Any) -> dict[str, int]:
        return dataclasses.asdict(self.scheduler.collect(CollectionRequest(**options)))

    async def _save_aws_key(self, key: AccessKey) -> None:
        await self._database.write(lambda connection: aws_access_keys.save(connection, key))

    def _build_google(self) -> GoogleServices:
        return GoogleServices(
            database=self._database,
            clock=self.clock,
            signer=self._signer,
            authenticator=self._authenticator,
            operator_token=self._operator_token,
            strict_admin=self._settings.requires_token,
            store=self._store,
            issuer=self._issuer,
            id_tokens=self._id_tokens,
            registry_kind=self._settings.registry,
            limits=self._settings.limits,
            count_pubsub=partial(self._counts.count_result, PUBSUB),
            outgoing=self._outgoing,
        )
