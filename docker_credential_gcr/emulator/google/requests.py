"""What a request of each method may say: the message in its body, and the parameters of its query.

Both are Google's: a name that neither has is refused, and either spelling of one is understood.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, urlencode

from starlette.requests import Request

from . import (
    artifact_images,
    artifact_locations,
    artifact_packages,
    artifact_repositories,
    artifact_tags,
    iam,
    iamcredentials,
    keys,
    project_parents,
    resource_manager,
    resource_policies,
    service_usage,
    workload_identity,
)
from .errors import InvalidArgument
from .messages import MISSING, VALUE, List, Message, to_camel
from .request_messages import (
    ACCOUNT,
    GET_POLICY,
    POOL,
    PROJECT_V1,
    PROJECT_V3,
    PROVIDER,
    REPOSITORY,
    SET_POLICY,
    TAG,
)
from .routes import Endpoint

# Of every method: https://cloud.google.com/apis/docs/system-parameters. Those that begin with $ too.
_SYSTEM = frozenset(
    [
        "access_token",
        "alt",
        "callback",
        "fields",
        "key",
        "oauth_token",
        "prettyPrint",
        "quotaUser",
        "trace",
        "uploadType",
        "upload_protocol",
        "userIp",
        "userProject",
    ]
)
_PROTOBUF = ("/v1/projects", "/v1/operations/", "/v1beta2/", "/v3/")
_PAGE = ("pageSize", "pageToken")
_VERSION = "options.requestedPolicyVersion"
_PERMISSIONS: Message = {"permissions": List(VALUE)}
_ACT_AS: Message = {"delegates": List(VALUE)}


@dataclass(frozen=True)
class Takes:
    """The message of the body, and the names of the query's parameters."""

    message: Message = field(default_factory=dict)
    parameters: tuple[str, ...] = ()


NOTHING = Takes()
TAKES: Mapping[Endpoint, Takes] = {
    resource_manager.create_project_v1: Takes(PROJECT_V1),
    resource_manager.create_project_v3: Takes(PROJECT_V3),
    resource_manager.list_projects_v1: Takes(parameters=("filter", *_PAGE)),
    resource_manager.list_projects_v3: Takes(parameters=("parent", "showDeleted", *_PAGE)),
    resource_manager.search_projects_v3: Takes(parameters=("query", *_PAGE)),
    resource_manager.update_project_v1: Takes(PROJECT_V1),
    resource_manager.update_project_v3: Takes(PROJECT_V3, ("updateMask",)),
    project_parents.move_project: Takes({"destinationParent": VALUE}),
    resource_policies.PROJECTS.get_policy: Takes(GET_POLICY),
    resource_policies.PROJECTS.set_policy: Takes(SET_POLICY),
    resource_policies.PROJECTS.test_permissions: Takes(_PERMISSIONS),
    service_usage.list_services: Takes(parameters=("filter", *_PAGE)),
    service_usage.get_services: Takes(parameters=("names",)),
    service_usage.enable_services: Takes({"serviceIds": List(VALUE)}),
    # No service here depends on another, and none counts how often it is used.
    service_usage.disable_service: Takes(
        {"disableDependentServices": VALUE, "checkIfServiceHasUsage": VALUE}
    ),
    iam.create_account: Takes({"accountId": VALUE, "serviceAccount": ACCOUNT}),
    iam.list_accounts: Takes(parameters=_PAGE),
    iam.patch_account: Takes({"serviceAccount": ACCOUNT, "updateMask": VALUE}),
    iam.update_account: Takes(ACCOUNT),
    resource_policies.ACCOUNTS.get_policy: Takes(GET_POLICY, (_VERSION,)),
    resource_policies.ACCOUNTS.set_policy: Takes(SET_POLICY),
    resource_policies.ACCOUNTS.test_permissions: Takes(_PERMISSIONS),
    keys.create_key: Takes({"privateKeyType": VALUE, "keyAlgorithm": VALUE}),
    keys.upload_key: Takes({"publicKeyData": VALUE}),
    keys.list_keys: Takes(parameters=("keyTypes",)),
    keys.get_key: Takes(parameters=("publicKeyType",)),
    keys.disable_key: Takes({"serviceAccountKeyDisableReason": MISSING, "extendedStatusMessage": MISSING}),
    workload_identity.POOLS.create: Takes(POOL, ("workloadIdentityPoolId",)),
    workload_identity.POOLS.list: Takes(parameters=("showDeleted", *_PAGE)),
    workload_identity.POOLS.patch: Takes(POOL, ("updateMask",)),
    workload_identity.PROVIDERS.create: Takes(PROVIDER, ("workloadIdentityPoolProviderId",)),
    workload_identity.PROVIDERS.list: Takes(parameters=("showDeleted", *_PAGE)),
    workload_identity.PROVIDERS.patch: Takes(PROVIDER, ("updateMask",)),
    iamcredentials.generate_access_token: Takes({**_ACT_AS, "scope": VALUE, "lifetime": VALUE}),
    iamcredentials.generate_id_token: Takes(
        {**_ACT_AS, "audience": VALUE, "includeEmail": VALUE, "organizationNumberIncluded": MISSING}
    ),
    iamcredentials.sign_account_jwt: Takes({**_ACT_AS, "payload": VALUE}),
    iamcredentials.sign_account_blob: Takes({**_ACT_AS, "payload": VALUE, "bytesToSign": VALUE}),
    artifact_locations.list_locations: Takes(parameters=_PAGE),
    artifact_repositories.create_repository: Takes(REPOSITORY, ("repositoryId",)),
    artifact_repositories.list_repositories: Takes(parameters=("filter", "orderBy", *_PAGE)),
    artifact_repositories.patch_repository: Takes(REPOSITORY, ("updateMask",)),
    resource_policies.REPOSITORIES.get_policy: Takes(parameters=(_VERSION,)),
    resource_policies.REPOSITORIES.set_policy: Takes(SET_POLICY),
    resource_policies.REPOSITORIES.test_permissions: Takes(_PERMISSIONS),
    artifact_images.list_images: Takes(parameters=("orderBy", *_PAGE)),
    artifact_packages.list_packages: Takes(parameters=("filter", "orderBy", *_PAGE)),
    artifact_packages.list_versions: Takes(parameters=("filter", "orderBy", "view", *_PAGE)),
    artifact_packages.show_version: Takes(parameters=("view",)),
    artifact_packages.delete_version: Takes(parameters=("force",)),
    artifact_packages.delete_versions: Takes({"names": List(VALUE), "validateOnly": VALUE}),
    artifact_tags.list_tags: Takes(parameters=("filter", *_PAGE)),
    artifact_tags.create_tag: Takes(TAG, ("tagId",)),
    artifact_tags.patch_tag: Takes(TAG, ("updateMask",)),
}


def find_takes(path: str, endpoint: Endpoint) -> Takes | None:
    """Returns what the method's requests may say; None for Cloud Storage and OAuth."""
    return TAKES.get(endpoint, NOTHING) if path.startswith(_PROTOBUF) else None


def prepare(request: Request, endpoint: Endpoint) -> Request:
    """Returns the request with its parameters' names as the API has them.

    The message of its body is in its scope, where `read_json` finds it. Raises InvalidArgument.
    """
    takes = find_takes(request.scope["path"], endpoint)
    if takes is None:
        return request
    request.scope["message"] = takes.message
    pairs = parse_qsl(request.scope["query_string"].decode("latin-1"), keep_blank_values=True)
    unified = [(_unify(name, takes), value) for name, value in pairs]
    if unified == pairs:
        return request
    return Request({**request.scope, "query_string": urlencode(unified).encode()}, request.receive)


def _unify(name: str, takes: Takes) -> str:
    if name in _SYSTEM or name.startswith("$"):
        return name
    unified = to_camel(name)
    if unified not in takes.parameters:
        raise InvalidArgument(
            f'Invalid JSON payload received. Unknown name "{name[:100]}": Cannot bind query parameter. '
            f"Field '{unified[:100]}' could not be found in request message."
        )
    return unified
