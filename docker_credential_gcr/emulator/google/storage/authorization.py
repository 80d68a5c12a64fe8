"""Authorization in Cloud Storage: buckets that the caller may use, refusals, and preconditions."""

from collections.abc import Mapping

from sqlalchemy import Connection

from docker_credential_gcr.emulator.database.projects import bucket_policies, storage_buckets
from docker_credential_gcr.emulator.database.projects.projects import Project
from docker_credential_gcr.emulator.database.projects.storage_buckets import StorageBucket
from docker_credential_gcr.emulator.google.authorization import (
    check_project_active,
    find_project,
    find_project_policy,
)
from docker_credential_gcr.emulator.google.rest.calls import Call
from docker_credential_gcr.emulator.google.rest.errors import (
    ConditionNotMet,
    InvalidArgument,
    NotFound,
    PermissionDenied,
    SignInRequired,
)
from docker_credential_gcr.emulator.identity.authorization import decide
from docker_credential_gcr.emulator.identity.policy import Policy
from docker_credential_gcr.emulator.identity.principal import Principal
from docker_credential_gcr.emulator.identity.resource import (
    Resource,
    describe_bucket,
    describe_object,
    describe_project,
)

# Type of resource -> its name in a refusal.
_KINDS = {"Project": "project", "Bucket": "bucket", "Object": "object"}


def get_bucket(
    connection: Connection, call: Call, permission: str, object_name: str | None = None
) -> StorageBucket:
    """Returns the bucket in the path, if the caller has the permission on it, or on the object in it.

    Raises NotFound, PermissionDenied, ProjectDeleted, SignInRequired: unlike Google's other APIs, Cloud
    Storage tells every caller with an account whether a bucket exists.
    """
    name, caller = call.path["bucket"], call.caller
    if caller.member is None and storage_buckets.find(connection, name) is None:
        _check(connection, caller, permission, [], describe_bucket(name, ""))
    bucket = get_existing_bucket(connection, name)
    resource = describe_bucket(name, bucket.project_id)
    if object_name is not None:
        resource = describe_object(name, object_name, bucket.project_id)
    _check(connection, caller, permission, find_bucket_policies(connection, bucket), resource)
    return bucket


def get_existing_bucket(connection: Connection, name: str) -> StorageBucket:
    """Returns a bucket; checks no permission. Raises NotFound."""
    bucket = storage_buckets.find(connection, name)
    if bucket is None:
        raise NotFound("The specified bucket does not exist.")
    return bucket


def get_project(connection: Connection, call: Call, permission: str) -> Project:
    """Returns the project in ?project=, if the caller has the permission on it.

    Raises InvalidArgument, PermissionDenied, ProjectDeleted.
    """
    name = call.query.get("project", "")
    if not name:
        raise InvalidArgument("Required parameter: project")
    project = find_project(connection, name)
    project_id = project.project_id if project else ""
    in_force = [find_project_policy(connection, project_id)]
    _check(connection, call.caller, permission, in_force, describe_project(project_id))
    if project is None:
        raise InvalidArgument(f"Unknown project id: {name}")
    return project


def find_bucket_policies(connection: Connection, bucket: StorageBucket) -> list[Policy]:
    """Returns the policies in force for the bucket: the project's, and its own."""
    return [
        find_project_policy(connection, bucket.project_id),
        bucket_policies.find(connection, bucket.name, bucket.project_id),
    ]


def check_metageneration(query: Mapping[str, str], bucket: StorageBucket) -> None:
    """Raises ConditionNotMet if the bucket has changed since the caller read it."""
    current = str(bucket.metageneration)
    if query.get("ifMetagenerationMatch", current) != current:
        raise ConditionNotMet
    if query.get("ifMetagenerationNotMatch") == current:
        raise ConditionNotMet


def refuse_parameters(query: Mapping[str, str], *names: str) -> None:
    """Raises InvalidArgument for parameters that gcr-emulator does not have, unless they are false."""
    for name in names:
        if query.get(name, "false").lower() not in ("", "false"):
            raise InvalidArgument(f"gcr-emulator has no {name}: leave it out.")


def check_generation(query: Mapping[str, str], generation: str, name: str) -> None:
    """Raises NotFound or ConditionNotMet if the query demands another generation than the object's."""
    if query.get("generation", generation) != generation:
        raise NotFound(f"No such object: {name}#{query['generation'][:20]}")
    for prefix, current in (("ifGeneration", generation), ("ifMetageneration", "1")):
        if query.get(f"{prefix}Match", current) != current or query.get(f"{prefix}NotMatch") == current:
            raise ConditionNotMet


def _check(
    connection: Connection, caller: Principal, permission: str, in_force: list[Policy], resource: Resource
) -> None:
    decision = decide(caller, in_force, permission, resource)
    if decision.allowed:
        check_project_active(connection, permission, resource)
        return
    kind = _KINDS[resource.type.rpartition("/")[2]]
    where = f"Google Cloud {'' if kind == 'project' else 'Storage '}{kind}"
    who = "Anonymous caller" if caller.member is None else caller.member.partition(":")[2]
    message = (
        f"{who} does not have {permission} access to the {where}. "
        f"Permission '{permission}' denied on resource (or it may not exist)."
    )
    if caller.member is None:
        raise SignInRequired(decision, message)
    raise PermissionDenied(decision, message)
