"""Google's APIs on one screen, and the one place where their errors become answers."""

import logging

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from docker_credential_gcr.emulator.google.rest.errors import (
    InvalidArgument,
    NotFound,
    find_response,
    format_internal_error,
)
from docker_credential_gcr.emulator.google.rest.partial_response import select
from docker_credential_gcr.emulator.google.rest.routing import CatchAll, Row, Table
from docker_credential_gcr.emulator.request_context import find_request_id
from docker_credential_gcr.emulator.runtime.strict_json import is_escaped_text

from .absent_methods import describe_missing
from .artifact_registry import docker_images as artifact_images
from .artifact_registry import locations as artifact_locations
from .artifact_registry import packages as artifact_packages
from .artifact_registry import repositories as artifact_repositories
from .artifact_registry import tags as artifact_tags
from .dependencies import Services
from .iam import account_deletion, workload_identity
from .iam import certificates as account_certificates
from .iam import credentials as iamcredentials
from .iam import service_account_keys as keys
from .iam import service_accounts as iam
from .oauth2 import discovery as oauth2_keys
from .oauth2 import sts, userinfo
from .oauth2 import token_endpoint as oauth2
from .oauth2 import tokeninfo as oauth2_tokeninfo
from .projects import parents as project_parents
from .projects import resource_manager, service_usage
from .rest import long_running as operations
from .rest import resource_policies
from .sign_in import endpoints as accounts
from .storage import buckets as storage
from .storage import objects as storage_objects

_logger = logging.getLogger(__name__)

_V1 = "/v1/projects/{project}"
_V3 = "/v3/projects/{project}"
_ACCOUNT = f"{_V1}/serviceAccounts/{{account}}"
_KEY = f"{_ACCOUNT}/keys/{{key}}"
_POOLS = f"{_V1}/locations/global/workloadIdentityPools"
_POOL = f"{_POOLS}/{{pool}}"
_PROVIDER = f"{_POOL}/providers/{{provider}}"
_BUCKET = "/storage/v1/b/{bucket}"
_STORAGE = ("/storage/", "/download/storage/", "/upload/storage/")
_LOCATION = f"{_V1}/locations/{{location}}"
_REPOSITORY = f"{_LOCATION}/repositories/{{repository}}"
_PACKAGE = f"{_REPOSITORY}/packages/{{package}}"

ROUTES: list[Row] = [
    # oauth2.googleapis.com
    ("POST", "/token", oauth2.issue_token),
    ("POST", "/revoke", oauth2.revoke),
    ("GET", "/tokeninfo", oauth2_tokeninfo.show),
    ("POST", "/tokeninfo", oauth2_tokeninfo.show),
    # www.googleapis.com
    ("POST", "/oauth2/v4/token", oauth2.issue_token),
    ("GET", "/oauth2/v1/certs", oauth2_keys.show_certificates),
    ("GET", "/oauth2/v3/certs", oauth2_keys.show_keys),
    ("GET", "/oauth2/v1/tokeninfo", oauth2_tokeninfo.show_v1),
    ("POST", "/oauth2/v1/tokeninfo", oauth2_tokeninfo.show_v1),
    ("GET", "/oauth2/v3/tokeninfo", oauth2_tokeninfo.show),
    ("POST", "/oauth2/v3/tokeninfo", oauth2_tokeninfo.show),
    ("GET", "/oauth2/v1/userinfo", userinfo.show_old),
    ("GET", "/oauth2/v2/userinfo", userinfo.show_old),
    ("GET", "/oauth2/v3/userinfo", userinfo.show),
    # openidconnect.googleapis.com
    ("GET", "/v1/userinfo", userinfo.show),
    ("POST", "/v1/userinfo", userinfo.show),
    # accounts.google.com
    ("GET", "/o/oauth2/v2/auth", accounts.begin),
    ("GET", "/o/oauth2/auth", accounts.begin),
    ("GET", "/signin/oauth/consent", accounts.ask),
    ("POST", "/signin/oauth/consent", accounts.decide),
    ("GET", "/.well-known/openid-configuration", oauth2_keys.discover),
    ("POST", "/o/oauth2/token", oauth2.issue_token),
    ("POST", "/o/oauth2/revoke", oauth2.revoke),
    # cloudresourcemanager.googleapis.com
    ("POST", "/v1/projects", resource_manager.create_project_v1),
    ("GET", "/v1/projects", resource_manager.list_projects_v1),
    ("POST", f"{_V1}:getIamPolicy", resource_policies.PROJECTS.get_policy),
    ("POST", f"{_V1}:setIamPolicy", resource_policies.PROJECTS.set_policy),
    ("POST", f"{_V1}:testIamPermissions", resource_policies.PROJECTS.test_permissions),
    ("POST", f"{_V1}:getAncestry", project_parents.get_ancestry),
    ("POST", f"{_V1}:undelete", resource_manager.undelete_project_v1),
    ("GET", _V1, resource_manager.get_project_v1),
    ("PUT", _V1, resource_manager.update_project_v1),
    ("DELETE", _V1, resource_manager.delete_project_v1),
    ("POST", "/v3/projects", resource_manager.create_project_v3),
    ("GET", "/v3/projects", resource_manager.list_projects_v3),
    ("GET", "/v3/projects:search", resource_manager.search_projects_v3),
    ("POST", f"{_V3}:getIamPolicy", resource_policies.PROJECTS.get_policy),
    ("POST", f"{_V3}:setIamPolicy", resource_policies.PROJECTS.set_policy),
    ("POST", f"{_V3}:testIamPermissions", resource_policies.PROJECTS.test_permissions),
    ("POST", f"{_V3}:move", project_parents.move_project),
    ("POST", f"{_V3}:undelete", resource_manager.undelete_project_v3),
    ("GET", _V3, resource_manager.get_project_v3),
    ("PATCH", _V3, resource_manager.update_project_v3),
    ("DELETE", _V3, resource_manager.delete_project_v3),
    ("GET", "/v1/operations/{operation}", operations.get_operation),
    ("GET", "/v3/operations/{operation}", operations.get_operation),
    # serviceusage.googleapis.com
    ("GET", f"{_V1}/services", service_usage.list_services),
    ("GET", f"{_V1}/services:batchGet", service_usage.get_services),
    ("POST", f"{_V1}/services:batchEnable", service_usage.enable_services),
    ("POST", f"{_V1}/services/{{service}}:enable", service_usage.enable_service),
    ("POST", f"{_V1}/services/{{service}}:disable", service_usage.disable_service),
    ("GET", f"{_V1}/services/{{service}}", service_usage.get_service),
    # iam.googleapis.com
    ("POST", f"{_V1}/serviceAccounts", iam.create_account),
    ("GET", f"{_V1}/serviceAccounts", iam.list_accounts),
    ("POST", f"{_ACCOUNT}:getIamPolicy", resource_policies.ACCOUNTS.get_policy),
    ("POST", f"{_ACCOUNT}:setIamPolicy", resource_policies.ACCOUNTS.set_policy),
    ("POST", f"{_ACCOUNT}:testIamPermissions", resource_policies.ACCOUNTS.test_permissions),
    ("POST", f"{_ACCOUNT}:undelete", account_deletion.undelete_account),
    ("POST", f"{_ACCOUNT}:disable", iam.disable_account),
    ("POST", f"{_ACCOUNT}:enable", iam.enable_account),
    ("GET", _ACCOUNT, iam.get_account),
    ("PATCH", _ACCOUNT, iam.patch_account),
    ("PUT", _ACCOUNT, iam.update_account),
    ("DELETE", _ACCOUNT, account_deletion.delete_account),
    ("POST", f"{_ACCOUNT}/keys", keys.create_key),
    ("POST", f"{_ACCOUNT}/keys:upload", keys.upload_key),
    ("GET", f"{_ACCOUNT}/keys", keys.list_keys),
    ("POST", f"{_KEY}:disable", keys.disable_key),
    ("POST", f"{_KEY}:enable", keys.enable_key),
    ("GET", _KEY, keys.get_key),
    ("DELETE", _KEY, keys.delete_key),
    ("POST", _POOLS, workload_identity.POOLS.create),
    ("GET", _POOLS, workload_identity.POOLS.list),
    ("POST", f"{_POOL}:undelete", workload_identity.POOLS.undelete),
    ("GET", _POOL, workload_identity.POOLS.show),
    ("PATCH", _POOL, workload_identity.POOLS.patch),
    ("DELETE", _POOL, workload_identity.POOLS.delete),
    ("POST", f"{_POOL}/providers", workload_identity.PROVIDERS.create),
    ("GET", f"{_POOL}/providers", workload_identity.PROVIDERS.list),
    ("POST", f"{_PROVIDER}:undelete", workload_identity.PROVIDERS.undelete),
    ("GET", _PROVIDER, workload_identity.PROVIDERS.show),
    ("PATCH", _PROVIDER, workload_identity.PROVIDERS.patch),
    ("DELETE", _PROVIDER, workload_identity.PROVIDERS.delete),
    ("GET", f"{_POOL}/operations/{{operation}}", operations.get_operation),
    ("GET", f"{_PROVIDER}/operations/{{operation}}", operations.get_operation),
    # iamcredentials.googleapis.com
    ("POST", f"{_ACCOUNT}:generateAccessToken", iamcredentials.generate_access_token),
    ("POST", f"{_ACCOUNT}:generateIdToken", iamcredentials.generate_id_token),
    ("POST", f"{_ACCOUNT}:signJwt", iamcredentials.sign_account_jwt),
    ("POST", f"{_ACCOUNT}:signBlob", iamcredentials.sign_account_blob),
    ("GET", f"{_ACCOUNT}/allowedLocations", iamcredentials.list_allowed_locations),
    ("GET", f"{_POOL}/allowedLocations", iamcredentials.list_allowed_locations),
    # sts.googleapis.com
    ("POST", "/v1/token", sts.exchange_token),
    ("POST", "/v1/introspect", sts.introspect_token),
    # www.googleapis.com
    ("GET", "/service_accounts/v1/jwk/{account}", account_certificates.list_jwks),
    ("GET", "/service_accounts/v1/metadata/x509/{account}", account_certificates.list_certificates),
    ("GET", "/robot/v1/metadata/jwk/{account}", account_certificates.list_jwks),
    ("GET", "/robot/v1/metadata/x509/{account}", account_certificates.list_certificates),
    # storage.googleapis.com
    ("GET", "/storage/v1/b", storage.list_buckets),
    ("POST", "/storage/v1/b", storage.create_bucket),
    ("GET", _BUCKET, storage.show_bucket),
    ("PATCH", _BUCKET, storage.patch_bucket),
    ("PUT", _BUCKET, storage.update_bucket),
    ("DELETE", _BUCKET, storage.delete_bucket),
    ("GET", f"{_BUCKET}/storageLayout", storage.show_layout),
    ("GET", f"{_BUCKET}/managedFolders", storage.list_folders),
    ("GET", f"{_BUCKET}/iam", resource_policies.BUCKETS.get_policy),
    ("PUT", f"{_BUCKET}/iam", resource_policies.BUCKETS.set_policy),
    ("GET", f"{_BUCKET}/iam/testPermissions", resource_policies.BUCKETS.test_permissions),
    ("GET", f"{_BUCKET}/o", storage_objects.list_objects),
    ("GET", f"{_BUCKET}/o/{{object}}", storage_objects.get_object),
    ("GET", f"/download{_BUCKET}/o/{{object}}", storage_objects.download_object),
    ("DELETE", f"{_BUCKET}/o/{{object}}", storage_objects.delete_object),
    # artifactregistry.googleapis.com
    ("GET", f"{_V1}/locations", artifact_locations.list_locations),
    # gcloud lists the locations, and with them all repositories, in an older version than the rest.
    ("GET", "/v1beta2/projects/{project}/locations", artifact_locations.list_locations),
    ("GET", _LOCATION, artifact_locations.get_location),
    ("GET", f"{_LOCATION}/operations/{{operation}}", operations.get_operation),
    ("POST", f"{_LOCATION}/repositories", artifact_repositories.create_repository),
    ("GET", f"{_LOCATION}/repositories", artifact_repositories.list_repositories),
    ("GET", f"{_REPOSITORY}:getIamPolicy", resource_policies.REPOSITORIES.get_policy),
    ("POST", f"{_REPOSITORY}:setIamPolicy", resource_policies.REPOSITORIES.set_policy),
    ("POST", f"{_REPOSITORY}:testIamPermissions", resource_policies.REPOSITORIES.test_permissions),
    ("GET", _REPOSITORY, artifact_repositories.show_repository),
    ("PATCH", _REPOSITORY, artifact_repositories.patch_repository),
    ("DELETE", _REPOSITORY, artifact_repositories.delete_repository),
    ("GET", f"{_REPOSITORY}/dockerImages", artifact_images.list_images),
    ("GET", f"{_REPOSITORY}/dockerImages/{{image}}", artifact_images.get_image),
    ("GET", f"{_REPOSITORY}/packages", artifact_packages.list_packages),
    ("GET", _PACKAGE, artifact_packages.show_package),
    ("DELETE", _PACKAGE, artifact_packages.delete_package),
    ("GET", f"{_PACKAGE}/versions", artifact_packages.list_versions),
    ("POST", f"{_PACKAGE}/versions:batchDelete", artifact_packages.delete_versions),
    ("GET", f"{_PACKAGE}/versions/{{version}}", artifact_packages.show_version),
    ("DELETE", f"{_PACKAGE}/versions/{{version}}", artifact_packages.delete_version),
    ("GET", f"{_PACKAGE}/tags", artifact_tags.list_tags),
    ("POST", f"{_PACKAGE}/tags", artifact_tags.create_tag),
    ("GET", f"{_PACKAGE}/tags/{{tag}}", artifact_tags.get_tag),
    ("PATCH", f"{_PACKAGE}/tags/{{tag}}", artifact_tags.patch_tag),
    ("DELETE", f"{_PACKAGE}/tags/{{tag}}", artifact_tags.delete_tag),
]
_TABLE = Table(ROUTES)


def routes(services: Services) -> list[Route]:
    """Starlette's route for the whole table, which also refuses every other path: put it last."""

    async def answer(request: Request) -> Response:
        try:
            return await _answer(request, services)
        # The rim: whatever happens, nothing but JSON in Google's form leaves it.
        except Exception as error:
            of_storage = request.scope["path"].startswith(_STORAGE)
            response = find_response(error, of_storage=of_storage)
            if response is not None:
                return response
            _logger.exception("internal error in request %s", find_request_id())
            return format_internal_error(of_storage=of_storage)

    return [CatchAll("/{path:path}", answer)]


async def _answer(request: Request, services: Services) -> Response:
    if not all(is_escaped_text(request.scope[part]) for part in ("raw_path", "query_string")):
        raise InvalidArgument("The URL holds bytes that are not valid UTF-8, or NUL.")
    found = _TABLE.find(request)
    if found is None:
        raise NotFound(describe_missing(request))
    endpoint, parameters = found
    request.scope["path_params"] = parameters
    return select(request, await endpoint(request, services))
