"""Permission to publish to the topic `gcr`: whose role decides which changes of images are told.

The service's agent publishes. Its role counts from the day on which the service is enabled by name, which is
when the agent is created; until then it may publish. Container Registry publishes nothing without that role;
Artifact Registry then publishes as the caller who changed the image.
https://cloud.google.com/container-registry/docs/configuring-notifications
https://cloud.google.com/artifact-registry/docs/configure-notifications
"""

import logging
from collections.abc import Iterable
from typing import Protocol, TypeVar

from sqlalchemy import Connection

from docker_credential_gcr.emulator.database.projects import enabled_apis, policies, projects
from docker_credential_gcr.emulator.database.projects.projects import Project
from docker_credential_gcr.emulator.database.pubsub.topics import GCR, format_topic
from docker_credential_gcr.emulator.identity.authorization import decide
from docker_credential_gcr.emulator.identity.google_services import AGENTS, ARTIFACT_REGISTRY, PUBSUB
from docker_credential_gcr.emulator.identity.principal import CLOUD_PLATFORM, Principal
from docker_credential_gcr.emulator.identity.resource import describe_topic

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

    def encode_message(self) -> str:
        """Returns Google's message as data of Pub/Sub."""


E = TypeVar("E", bound=Event)


def find_publishing(connection: Connection, project_id: str) -> Project | None:
    """Returns the project, if it exists and Pub/Sub is enabled in it."""
    project = projects.find(connection, project_id)
    if project is None or enabled_apis.find_obstacle(connection, project_id, PUBSUB) is not None:
        return None
    return project


class GcrPermission:
    """Decides which events are published; the log says once that an agent of a project has no role."""

    def __init__(self) -> None:
        self._refused: set[tuple[str, str]] = set()

    def list_allowed(self, connection: Connection, project: Project, events: Iterable[E]) -> list[E]:
        """Returns the events of a project that are published, in their order."""
        is_agent_allowed = {
            service: self._is_agent_allowed(connection, project, service) for service in AGENTS
        }
        return [
            event
            for event in events
            if is_agent_allowed[event.service]
            or (
                event.service == ARTIFACT_REGISTRY
                and _is_allowed(connection, project.project_id, event.member)
            )
        ]

    def _is_agent_allowed(self, connection: Connection, project: Project, service: str) -> bool:
        key, agent = (project.project_id, service), AGENTS[service].format_member(project.number)
        is_allowed = service not in enabled_apis.list_switched(connection, project) or _is_allowed(
            connection, project.project_id, agent
        )
        if is_allowed:
            self._refused.discard(key)
        elif key not in self._refused and service != ARTIFACT_REGISTRY:
            self._refused.add(key)
            _logger.warning(
                "nothing is published to %s: grant %s to %s",
                format_topic(project.project_id, GCR),
                AGENTS[service].role,
                agent,
            )
        return is_allowed


def _is_allowed(connection: Connection, project_id: str, member: str | None) -> bool:
    name = format_topic(project_id, GCR)
    caller = Principal(member, frozenset({CLOUD_PLATFORM} if member else ()), None)
    in_force = [policies.find(connection, f"projects/{project_id}"), policies.find(connection, name)]
    return decide(caller, in_force, _PUBLISH, describe_topic(name, project_id)).allowed
