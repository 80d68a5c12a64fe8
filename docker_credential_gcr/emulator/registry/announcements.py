"""Announcements of the registry: what a push, an untag or a deletion tells, as an event in the outbox.

    push by tag       INSERT with digest and tag, for each tag put, also if it named the digest before
    push by digest    INSERT with digest; so each child of an index has an event of its own
    tag deleted       DELETE with tag
    digest deleted    DELETE with digest
    tag moved         only the INSERT of the new digest

https://cloud.google.com/artifact-registry/docs/configure-notifications
"""

from collections.abc import Iterable
from typing import NamedTuple

from sqlalchemy import Connection

from docker_credential_gcr.emulator.database.events import outbox
from docker_credential_gcr.emulator.database.events.outbox import DELETE, INSERT, Event
from docker_credential_gcr.emulator.database.images.manifests import StoredManifest
from docker_credential_gcr.emulator.identity.principal import Principal
from docker_credential_gcr.emulator.sites.hosts import Target

from .dependencies import RegistryServices
from .dialects.dialect import find_dialect


class Described(NamedTuple):
    """A manifest as events describe it; `size` is in bytes."""

    digest: str
    media_type: str
    size: int


def describe(stored: StoredManifest) -> Described:
    """Returns a stored manifest as events describe it."""
    return Described(stored.digest, stored.media_type, len(stored.data))


class Announcer:
    """What one request tells about a repository."""

    def __init__(self, services: RegistryServices, target: Target, principal: Principal | None) -> None:
        self._event = Event(
            at_ms=int(services.clock.now() * 1000),
            action=INSERT,
            project=target.project_id,
            service=find_dialect(target).service,
            repository=target.full_name,
            member=None if principal is None else principal.member,
        )

    def tell_push(self, connection: Connection, manifest: Described, tags: Iterable[str]) -> None:
        """Adds an event for each tag, whose rows are written; without tags, one for the digest."""
        event = self._event._replace(**manifest._asdict())
        for tag in tags or (None,):
            outbox.add(connection, event._replace(tag=tag))

    def tell_untag(self, connection: Connection, tag: str) -> None:
        """Adds the event of a deleted tag."""
        outbox.add(connection, self._event._replace(action=DELETE, tag=tag))

    def tell_deletion(self, connection: Connection, manifest: Described) -> None:
        """Adds the event of a deleted manifest."""
        outbox.add(connection, self._event._replace(action=DELETE, **manifest._asdict()))
