"""Authorization in Pub/Sub's API: topics and subscriptions that the caller may use, and refusals.

https://cloud.google.com/pubsub/docs/access-control
"""

from sqlalchemy import Connection

from docker_credential_gcr.emulator.database.projects.projects import Project
from docker_credential_gcr.emulator.database.pubsub import subscriptions, topics
from docker_credential_gcr.emulator.database.pubsub.subscriptions import Subscription, format_subscription
from docker_credential_gcr.emulator.database.pubsub.topics import Topic, format_topic
from docker_credential_gcr.emulator.google import authorization
from docker_credential_gcr.emulator.google.project_resources import ProjectCollection, check_service
from docker_credential_gcr.emulator.google.rest.calls import Call
from docker_credential_gcr.emulator.identity.google_services import PUBSUB
from docker_credential_gcr.emulator.identity.resource import describe_subscription, describe_topic

_REFUSAL = "User not authorized to perform this action."


def get_project(connection: Connection, call: Call, permission: str) -> Project:
    """Returns the project in the path, if the caller has the permission on it and the API is enabled.

    Raises PermissionDenied, ProjectDeleted, NotFound, ServiceDisabled.
    """
    project = authorization.get_project(connection, call, permission, _REFUSAL)
    check_service(connection, project, PUBSUB)
    return project


def get_topic(connection: Connection, call: Call, permission: str) -> Topic:
    """Returns the topic in the path, as `get_named_topic` does."""
    return get_named_topic(connection, call, call.path["project"], call.path["topic"], permission)


def get_named_topic(
    connection: Connection, call: Call, project_name: str, topic_id: str, permission: str
) -> Topic:
    """Returns a topic, as `ProjectCollection.get` does."""
    return TOPICS.get(connection, call, project_name, topic_id, permission)


def get_subscription(connection: Connection, call: Call, permission: str) -> Subscription:
    """Returns the subscription in the path, as `ProjectCollection.get` does."""
    project_name, subscription_id = call.path["project"], call.path["subscription"]
    return SUBSCRIPTIONS.get(connection, call, project_name, subscription_id, permission)


def _refuse(_permission: str, _project: str, _resource_id: str) -> str:
    return _REFUSAL


def _miss(_project: str, resource_id: str) -> str:
    return f"Resource not found (resource={resource_id})."


TOPICS = ProjectCollection(PUBSUB, format_topic, describe_topic, topics.find, _refuse, _miss)
SUBSCRIPTIONS = ProjectCollection(
    PUBSUB, format_subscription, describe_subscription, subscriptions.find, _refuse, _miss
)
