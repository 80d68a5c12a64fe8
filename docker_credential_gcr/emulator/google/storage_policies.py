"""storage.googleapis.com: who may do what in a bucket, and so in the images of a registry host.

https://cloud.google.com/storage/docs/json_api/v1/buckets/setIamPolicy
"""

from typing import Any

from sqlalchemy import Connection
from starlette.requests import Request
from starlette.responses import JSONResponse

from docker_credential_gcr.emulator.identity import resource as resources
from docker_credential_gcr.emulator.identity.policy import Policy, format_policy
from docker_credential_gcr.emulator.identity.roles import BUCKET
from docker_credential_gcr.emulator.records import bucket_policies
from docker_credential_gcr.emulator.records.errors import Changed

from .access import find_caller, find_caller_or_anonymous, list_allowed
from .bodies import read_json
from .errors import ConditionNotMet
from .iam_policies import check_bindings, parse_permissions, parse_requested_version, parse_update
from .services import Services
from .storage_access import find_policies, get_any_bucket, get_bucket


async def get_policy(request: Request, services: Services) -> JSONResponse:
    """The bucket's IAM policy."""
    caller = find_caller_or_anonymous(request, services)
    name = request.path_params["bucket"]
    version = parse_requested_version(request.query_params.get("optionsRequestedPolicyVersion"))
    with services.database.read() as connection:
        bucket = get_bucket(connection, name, caller, "storage.buckets.getIamPolicy")
        policy = bucket_policies.find(connection, name, bucket.project_id)
    return JSONResponse(_format(name, policy, version))


async def set_policy(request: Request, services: Services) -> JSONResponse:
    """Replace the bucket's IAM policy, unless it has changed since the caller read it."""
    caller = find_caller(request, services)
    name = request.path_params["bucket"]
    policy, etag = parse_update(await read_json(request))

    def work(connection: Connection) -> Policy:
        bucket = get_bucket(connection, name, caller, "storage.buckets.setIamPolicy")
        check_bindings(connection, policy, BUCKET, f"buckets/{name}")
        try:
            return bucket_policies.save(connection, name, bucket.project_id, policy, etag=etag)
        except Changed as error:
            raise ConditionNotMet from error

    return JSONResponse(_format(name, await services.database.write(work), 3))


async def test_permissions(request: Request, services: Services) -> JSONResponse:
    """Those of ?permissions=A&permissions=B that the caller has; asking needs no permission."""
    caller = find_caller_or_anonymous(request, services)
    name = request.path_params["bucket"]
    permissions = parse_permissions(request.query_params.getlist("permissions"))
    with services.database.read() as connection:
        bucket = get_any_bucket(connection, name)
        in_force, resource = find_policies(connection, bucket), resources.bucket(name, bucket.project_id)
        allowed = list_allowed(connection, caller, permissions, in_force, resource)
    document = {"kind": "storage#testIamPermissionsResponse"}
    return JSONResponse({**document, "permissions": allowed} if allowed else document)


def _format(name: str, policy: Policy, version: int) -> dict[str, Any]:
    return {
        "kind": "storage#policy",
        "resourceId": f"projects/_/buckets/{name}",
        # Google's own samples push to a list that must be there.
        "bindings": [],
        **format_policy(policy, version),
    }
