"""Authorization in Pub/Sub's API: topics and subscriptions that the caller may use, and refusals.

https://cloud.google.com/pubsub/docs/access-control
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from sqlalchemy import Connection

from docker_credential_gcr.emulator.database.projects import enabled_apis, policies
from docker_credential_gcr.emulator.database.projects.enabled_apis import Obstacle
from docker_credential_gcr.emulator.database.projects.projects import Project
from docker_credential_gcr.emulator.database.pubsub import subscriptions, topics
from docker_credential_gcr.emulator.database.pubsub.subscriptions import Subscription, format_subscription
from docker_credential_gcr.emulator.database.pubsub.topics import Topic, format_topic
from docker_credential_gcr.emulator.google import authorization
from docker_credential_gcr.emulator.google.rest.calls import Call
from docker_credential_gcr.emulator.google.rest.errors import NotFound, ServiceDisabled
from docker_credential_gcr.emulator.identity.google_services import PUBSUB, SERVICES
from docker_credential_gcr.emulator.identity.policy import Policy
from docker_credential_gcr.emulator.identity.resource import (
    Resource,
    describe_subscription,
    describe_topic,
)

R = TypeVar("R")
_REFUSAL = "User not authorized to perform this action."


def get_project(connection: Connection, call: Call, permission: str) -> Project:
    """Returns the project in the path, if the caller has the permission on it and the API is enabled.

    Raises PermissionDenied, ProjectDeleted, NotFound, ServiceDisabled.
    """
    project = authorization.get_project(connection, call, permission, _REFUSAL)
    _check_service(connection, project)
    return project


def get_topic(connection: Connection, call: Call, permission: str) -> Topic:
    """Returns the topic in the path, as `get_named_topic` does."""
    return get_named_topic(connection, call, call.path["project"], call.path["topic"], permission)


def get_named_topic(
    connection: Connection, call: Call, project_name: str, topic_id: str, permission: str
) -> Topic:
    """Returns a topic, if the caller has the permission on it or its project, and the API is enabled.

    Raises PermissionDenied, ProjectDeleted, NotFound, ServiceDisabled.
    """
    return _TOPICS.get(connection, call, project_name, topic_id, permission)


def get_subscription(connection: Connection, call: Call, permission: str) -> Subscription:
    """Returns the subscription in the path, as `get_named_topic` returns a topic."""
    project_name, subscription_id = call.path["project"], call.path["subscription"]
    return _SUBSCRIPTIONS.get(connection, call, project_name, subscription_id, permission)


@dataclass(frozen=True)
class _Collection(Generic[R]):
    """Topics or subscriptions: how one is named, described for conditions of policies, and found."""

    format_name: Callable[[str, str], str]
    describe: Callable[[str, str], Resource]
    find: Callable[[Connection, str, str], R | None]

    def get(
        self, connection: Connection, call: Call, project_name: str, resource_id: str, permission: str
    ) -> R:
        project = authorization.find_project(connection, project_name)
        project_id = project.project_id if project else project_name
        name = self.format_name(project_id, resource_id)
        in_force = find_policies(connection, project_id, name)
        resource = self.describe(name, project_id)
        authorization.check_permission(connection, call.caller, permission, in_force, resource, _REFUSAL)
        found = self.find(connection, project_id, resource_id)
        if project is not None:
            _check_service(connection, project)
        if found is None:
            raise NotFound(f"Resource not found (resource={resource_id}).")
        return found


_TOPICS = _Collection(format_topic, describe_topic, topics.find)
_SUBSCRIPTIONS = _Collection(format_subscription, describe_subscription, subscriptions.find)


def find_policies(connection: Connection, project_id: str, name: str) -> list[Policy]:
    """Returns the policies in force for a topic or a subscription: the project's, and its own."""
    return [authorization.find_project_policy(connection, project_id), policies.find(connection, name)]


def _check_service(connection: Connection, project: Project) -> None:
    if enabled_apis.find_obstacle(connection, project.project_id, PUBSUB) is Obstacle.DISABLED:
        raise ServiceDisabled(SERVICES[PUBSUB], PUBSUB, project.number)
