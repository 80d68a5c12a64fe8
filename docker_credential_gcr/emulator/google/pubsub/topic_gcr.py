"""Topic `gcr`: publishes what happened to images, as Container Registry and Artifact Registry do.

    {"action": "INSERT", "digest": "gcr.io/my-project/app@sha256:…", "tag": "gcr.io/my-project/app:v1"}

The service's agent publishes. Its role counts from the day on which the service is enabled by name, which is
when the agent is created; until then it may publish. Container Registry publishes nothing without that role;
Artifact Registry then publishes as the caller who changed the image.
https://cloud.google.com/container-registry/docs/configuring-notifications
https://cloud.google.com/artifact-registry/docs/configure-notifications
"""

import base64
import json
import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import groupby
from typing import Protocol

from sqlalchemy import Connection

from docker_credential_gcr.emulator.database.projects import enabled_apis, policies, projects
from docker_credential_gcr.emulator.database.projects.projects import Project
from docker_credential_gcr.emulator.database.pubsub import subscriptions, topics
from docker_credential_gcr.emulator.database.pubsub.topics import GCR, Topic
from docker_credential_gcr.emulator.identity.authorization import decide
from docker_credential_gcr.emulator.identity.google_services import AGENTS, ARTIFACT_REGISTRY, PUBSUB
from docker_credential_gcr.emulator.identity.principal import CLOUD_PLATFORM, Principal
from docker_credential_gcr.emulator.identity.resource import describe_topic
from docker_credential_gcr.emulator.settings import Limits

_logger = logging.getLogger(__name__)
_PUBLISH = "pubsub.topics.publish"


class Event(Protocol):
    """A change of an image; `service` is the registry's, `member` the caller."""

    @property
    def at_ms(self) -> int:
        """Returns the instant of the change, by the emulator's clock."""

    @property
    def project(self) -> str:
        """Returns the project's ID."""

    @property
    def service(self) -> str:
        """Returns containerregistry.googleapis.com or artifactregistry.googleapis.com."""

    @property
    def member(self) -> str | None:
        """Returns the member who made the change; None for an anonymous caller."""

    def format_message(self) -> Mapping[str, str]:
        """Returns Google's message."""


class GcrPublisher:
    """Publishes events in the transaction that admits them; they are published at their own instant.

    `count_pubsub` counts the messages that subscriptions lose by it.
    """

    def __init__(
        self,
        limits: Limits,
        count_pubsub: Callable[[str, int], None],
    ) -> None:
        self._limits = limits
        self._count_pubsub = count_pubsub
        # Project and service whose agent has no role: the log says so once.
        self._refused: set[tuple[str, str]] = set()

    def __call__(self, connection: Connection, events: Sequence[Event]) -> None:
        """Publishes the events of each project to its topic, in their order."""
        in_order = sorted(events, key=lambda event: event.project)  # stable
        for project_id, of_project in groupby(in_order, key=lambda event: event.project):
            self._publish(connection, project_id, of_project)

    def _publish(self, connection: Connection, project_id: str, events: Iterable[Event]) -> None:
        project, topic = projects.find(connection, project_id), topics.find(connection, project_id, GCR)
        if project is None or topic is None:
            return
        if enabled_apis.find_obstacle(connection, project_id, PUBSUB) is not None:
            return
        if not subscriptions.has_any(connection, topic.id):
            return
        is_agent_allowed = {
            service: self._is_agent_allowed(connection, project, topic, service) for service in AGENTS
        }
        allowed = [
            event
            for event in events
            if is_agent_allowed[event.service]
            or (event.service == ARTIFACT_REGISTRY and _is_allowed(connection, topic, event.member))
        ]
        if allowed:
            self._send(connection, topic, allowed)

    def _send(self, connection: Connection, topic: Topic, events: Sequence[Event]) -> None:
        # 14 ms, which a ready server does not need.
        from docker_credential_gcr.emulator.database.pubsub.backlog import Bounds
        from docker_credential_gcr.emulator.database.pubsub.publishing import NewMessage

        from .publisher import publish, tell_dropped

        batch = [NewMessage(_encode(event), {}) for event in events]
        bounds = Bounds(self._limits.pubsub_messages, self._limits.pubsub_size)
        published = publish(connection, topic, batch, events[-1].at_ms, bounds)
        tell_dropped(self._count_pubsub, published.dropped)

    def _is_agent_allowed(self, connection: Connection, project: Project, topic: Topic, service: str) -> bool:
        key, agent = (project.project_id, service), AGENTS[service].format_member(project.number)
        is_allowed = service not in enabled_apis.list_switched(connection, project) or _is_allowed(
            connection, topic, agent
        )
        if is_allowed:
            self._refused.discard(key)
        elif key not in self._refused and service != ARTIFACT_REGISTRY:
            self._refused.add(key)
            role = AGENTS[service].role
            _logger.warning("nothing is published to %s: grant %s to %s", topic.name, role, agent)
        return is_allowed


def _is_allowed(connection: Connection, topic: Topic, member: str | None) -> bool:
    caller = Principal(member, frozenset({CLOUD_PLATFORM} if member else ()), None)
    in_force = [
        policies.find(connection, f"projects/{topic.project_id}"),
        policies.find(connection, topic.name),
    ]
    return decide(caller, in_force, _PUBLISH, describe_topic(topic.name, topic.project_id)).allowed


def _encode(event: Event) -> str:
    text = json.dumps(event.format_message(), separators=(",", ":"))
    return base64.b64encode(text.encode()).decode()
