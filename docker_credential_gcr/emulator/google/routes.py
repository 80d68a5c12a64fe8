"""Google's APIs: the routes of all, on one screen for each API."""

from . import resource_policies
from .artifact_registry import (
    docker_images,
    locations,
    occurrences,
    packages,
    project_settings,
    repositories,
    tags,
    versions,
)
from .asset import policy_analysis, resource_search
from .iam import (
    account_deletion,
    iamcredentials,
    predefined_roles,
    public_keys,
    service_account_keys,
    service_accounts,
    workload_identity,
)
from .oauth2 import discovery, introspection, sts, token_endpoint, tokeninfo, userinfo
from .projects import parents, resource_manager, service_usage
from .pubsub import pulling, subscriptions, topics
from .rest import long_running
from .rest.routing import Row
from .secret_manager import secrets
from .secret_manager import versions as secret_versions
from .sign_in import authorization_endpoint
from .storage import buckets, objects

_V1 = "/v1/projects/{project}"
_V3 = "/v3/projects/{project}"
_ACCOUNT = f"{_V1}/serviceAccounts/{{account}}"
_KEY = f"{_ACCOUNT}/keys/{{key}}"
_POOLS = f"{_V1}/locations/global/workloadIdentityPools"
_POOL = f"{_POOLS}/{{pool}}"
_PROVIDER = f"{_POOL}/providers/{{provider}}"
_BUCKET = "/storage/v1/b/{bucket}"
_LOCATION = f"{_V1}/locations/{{location}}"
_REPOSITORY = f"{_LOCATION}/repositories/{{repository}}"
_TOPIC = f"{_V1}/topics/{{topic}}"
_SUBSCRIPTION = f"{_V1}/subscriptions/{{subscription}}"
_SECRET = f"{_V1}/secrets/{{secret}}"
_SECRET_VERSION = f"{_SECRET}/versions/{{number}}"
_PACKAGE = f"{_REPOSITORY}/packages/{{package}}"

ROUTES: list[Row] = [
    # oauth2.googleapis.com: oauth2/
    ("POST", "/token", token_endpoint.issue_token),
    ("POST", "/revoke", token_endpoint.revoke_token),
    ("GET", "/tokeninfo", tokeninfo.show),
    ("POST", "/tokeninfo", tokeninfo.show),
    # www.googleapis.com: oauth2/
    ("POST", "/oauth2/v4/token", token_endpoint.issue_token),
    ("GET", "/oauth2/v1/certs", discovery.show_certificates),
    ("GET", "/oauth2/v3/certs", discovery.show_keys),
    ("GET", "/oauth2/v1/tokeninfo", tokeninfo.show_v1),
    ("POST", "/oauth2/v1/tokeninfo", tokeninfo.show_v1),
    ("GET", "/oauth2/v3/tokeninfo", tokeninfo.show),
    ("POST", "/oauth2/v3/tokeninfo", tokeninfo.show),
    ("GET", "/oauth2/v1/userinfo", userinfo.show_old),
    ("GET", "/oauth2/v2/userinfo", userinfo.show_old),
    ("GET", "/oauth2/v3/userinfo", userinfo.show),
    # openidconnect.googleapis.com: oauth2/
    ("GET", "/v1/userinfo", userinfo.show),
    ("POST", "/v1/userinfo", userinfo.show),
    # accounts.google.com: sign_in/ and oauth2/
    ("GET", "/o/oauth2/v2/auth", authorization_endpoint.authorize),
    ("GET", "/o/oauth2/auth", authorization_endpoint.authorize),
    ("GET", "/signin/oauth/consent", authorization_endpoint.ask_consent),
    ("POST", "/signin/oauth/consent", authorization_endpoint.decide),
    ("GET", "/.well-known/openid-configuration", discovery.discover),
    ("POST", "/o/oauth2/token", token_endpoint.issue_token),
    ("POST", "/o/oauth2/revoke", token_endpoint.revoke_token),
    # containeranalysis.googleapis.com: artifact_registry/
    ("GET", f"{_V1}/occurrences", occurrences.list_occurrences),
    ("GET", "/v1alpha1/projects/{project}/occurrences", occurrences.list_occurrences),
    # cloudasset.googleapis.com: asset/
    ("GET", f"{_V1}:analyzeIamPolicy", policy_analysis.analyze_project),
    ("GET", f"{_V1}:searchAllResources", resource_search.search_resources),
    ("GET", "/v1/folders/{folder}:analyzeIamPolicy", policy_analysis.analyze_folder),
    ("GET", "/v1/organizations/{organization}:analyzeIamPolicy", policy_analysis.analyze_organization),
    # cloudresourcemanager.googleapis.com: projects/
    ("POST", "/v1/projects", resource_manager.create_project_v1),
    ("GET", "/v1/projects", resource_manager.list_projects_v1),
    ("POST", f"{_V1}:getIamPolicy", resource_policies.PROJECTS.get_policy),
    ("POST", f"{_V1}:setIamPolicy", resource_policies.PROJECTS.set_policy),
    ("POST", f"{_V1}:testIamPermissions", resource_policies.PROJECTS.test_permissions),
    ("POST", f"{_V1}:getAncestry", parents.show_ancestry),
    ("POST", "/v1/organizations/{organization}:getIamPolicy", parents.show_organization_policy),
    ("POST", "/v2/folders/{folder}:getIamPolicy", parents.show_folder_policy),
    ("POST", f"{_V1}:undelete", resource_manager.undelete_project_v1),
    ("GET", _V1, resource_manager.show_project_v1),
    ("PUT", _V1, resource_manager.update_project_v1),
    ("DELETE", _V1, resource_manager.delete_project_v1),
    ("POST", "/v3/projects", resource_manager.create_project_v3),
    ("GET", "/v3/projects", resource_manager.list_projects_v3),
    ("GET", "/v3/projects:search", resource_manager.search_projects_v3),
    ("POST", f"{_V3}:getIamPolicy", resource_policies.PROJECTS.get_policy),
    ("POST", f"{_V3}:setIamPolicy", resource_policies.PROJECTS.set_policy),
    ("POST", f"{_V3}:testIamPermissions", resource_policies.PROJECTS.test_permissions),
    ("POST", f"{_V3}:move", parents.move_project),
    ("POST", f"{_V3}:undelete", resource_manager.undelete_project_v3),
    ("GET", _V3, resource_manager.show_project_v3),
    ("PATCH", _V3, resource_manager.update_project_v3),
    ("DELETE", _V3, resource_manager.delete_project_v3),
    ("GET", "/v1/operations/{operation}", long_running.show_operation),
    ("GET", "/v3/operations/{operation}", long_running.show_operation),
    # serviceusage.googleapis.com: projects/
    ("GET", f"{_V1}/services", service_usage.list_services),
    ("GET", f"{_V1}/services:batchGet", service_usage.show_services),
    ("POST", f"{_V1}/services:batchEnable", service_usage.enable_services),
    ("POST", f"{_V1}/services/{{service}}:enable", service_usage.enable_service),
    ("POST", f"{_V1}/services/{{service}}:disable", service_usage.disable_service),
    ("GET", f"{_V1}/services/{{service}}", service_usage.show_service),
    # iam.googleapis.com: iam/
    ("POST", f"{_V1}/serviceAccounts", service_accounts.create_account),
    ("GET", f"{_V1}/serviceAccounts", service_accounts.list_accounts),
    ("POST", f"{_ACCOUNT}:getIamPolicy", resource_policies.ACCOUNTS.get_policy),
    ("POST", f"{_ACCOUNT}:setIamPolicy", resource_policies.ACCOUNTS.set_policy),
    ("POST", f"{_ACCOUNT}:testIamPermissions", resource_policies.ACCOUNTS.test_permissions),
    ("POST", f"{_ACCOUNT}:undelete", account_deletion.undelete_account),
    ("POST", f"{_ACCOUNT}:disable", service_accounts.disable_account),
    ("POST", f"{_ACCOUNT}:enable", service_accounts.enable_account),
    ("GET", _ACCOUNT, service_accounts.show_account),
    ("PATCH", _ACCOUNT, service_accounts.patch_account),
    ("PUT", _ACCOUNT, service_accounts.update_account),
    ("DELETE", _ACCOUNT, account_deletion.delete_account),
    ("POST", f"{_ACCOUNT}/keys", service_account_keys.create_key),
    ("POST", f"{_ACCOUNT}/keys:upload", service_account_keys.upload_key),
    ("GET", f"{_ACCOUNT}/keys", service_account_keys.list_keys),
    ("POST", f"{_KEY}:disable", service_account_keys.disable_key),
    ("POST", f"{_KEY}:enable", service_account_keys.enable_key),
    ("GET", _KEY, service_account_keys.show_key),
    ("DELETE", _KEY, service_account_keys.delete_key),
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
    ("GET", f"{_POOL}/operations/{{operation}}", long_running.show_operation),
    ("GET", f"{_PROVIDER}/operations/{{operation}}", long_running.show_operation),
    ("GET", "/v1/roles/{role}", predefined_roles.show_role),
    # iamcredentials.googleapis.com: iam/
    ("POST", f"{_ACCOUNT}:generateAccessToken", iamcredentials.generate_access_token),
    ("POST", f"{_ACCOUNT}:generateIdToken", iamcredentials.generate_id_token),
    ("POST", f"{_ACCOUNT}:signJwt", iamcredentials.sign_account_jwt),
    ("POST", f"{_ACCOUNT}:signBlob", iamcredentials.sign_account_blob),
    ("GET", f"{_ACCOUNT}/allowedLocations", iamcredentials.list_allowed_locations),
    ("GET", f"{_POOL}/allowedLocations", iamcredentials.list_allowed_locations),
    # sts.googleapis.com: oauth2/
    ("POST", "/v1/token", sts.exchange_token),
    ("POST", "/v1/introspect", introspection.introspect_token),
    # www.googleapis.com: iam/
    ("GET", "/service_accounts/v1/jwk/{account}", public_keys.list_jwks),
    ("GET", "/service_accounts/v1/metadata/x509/{account}", public_keys.list_certificates),
    ("GET", "/robot/v1/metadata/jwk/{account}", public_keys.list_jwks),
    ("GET", "/robot/v1/metadata/x509/{account}", public_keys.list_certificates),
    # storage.googleapis.com: storage/
    ("GET", "/storage/v1/b", buckets.list_buckets),
    ("POST", "/storage/v1/b", buckets.create_bucket),
    ("GET", _BUCKET, buckets.show_bucket),
    ("PATCH", _BUCKET, buckets.patch_bucket),
    ("PUT", _BUCKET, buckets.update_bucket),
    ("DELETE", _BUCKET, buckets.delete_bucket),
    ("GET", f"{_BUCKET}/storageLayout", buckets.show_layout),
    ("GET", f"{_BUCKET}/managedFolders", buckets.list_folders),
    ("GET", f"{_BUCKET}/iam", resource_policies.BUCKETS.get_policy),
    ("PUT", f"{_BUCKET}/iam", resource_policies.BUCKETS.set_policy),
    ("GET", f"{_BUCKET}/iam/testPermissions", resource_policies.BUCKETS.test_permissions),
    ("GET", f"{_BUCKET}/o", objects.list_objects),
    ("GET", f"{_BUCKET}/o/{{object}}", objects.show_object),
    ("GET", f"/download{_BUCKET}/o/{{object}}", objects.download_object),
    ("DELETE", f"{_BUCKET}/o/{{object}}", objects.delete_object),
    # artifactregistry.googleapis.com: artifact_registry/
    ("GET", f"{_V1}/projectSettings", project_settings.show_settings),
    ("PATCH", f"{_V1}/projectSettings", project_settings.patch_settings),
    ("GET", f"{_V1}/locations", locations.list_locations),
    # gcloud lists locations, and so the repositories of all locations, with this older version.
    ("GET", "/v1beta2/projects/{project}/locations", locations.list_locations),
    ("GET", _LOCATION, locations.show_location),
    ("POST", f"{_LOCATION}/operations/{{operation}}:cancel", long_running.cancel_operation),
    ("GET", f"{_LOCATION}/operations/{{operation}}", long_running.show_operation),
    ("POST", f"{_LOCATION}/repositories", repositories.create_repository),
    ("GET", f"{_LOCATION}/repositories", repositories.list_repositories),
    ("GET", f"{_REPOSITORY}:getIamPolicy", resource_policies.REPOSITORIES.get_policy),
    ("POST", f"{_REPOSITORY}:setIamPolicy", resource_policies.REPOSITORIES.set_policy),
    ("POST", f"{_REPOSITORY}:testIamPermissions", resource_policies.REPOSITORIES.test_permissions),
    ("GET", _REPOSITORY, repositories.show_repository),
    ("PATCH", _REPOSITORY, repositories.patch_repository),
    ("DELETE", _REPOSITORY, repositories.delete_repository),
    ("GET", f"{_REPOSITORY}/dockerImages", docker_images.list_images),
    ("GET", f"{_REPOSITORY}/dockerImages/{{image}}", docker_images.show_image),
    ("GET", f"{_REPOSITORY}/packages", packages.list_packages),
    ("GET", _PACKAGE, packages.show_package),
    ("PATCH", _PACKAGE, packages.patch_package),
    ("DELETE", _PACKAGE, packages.delete_package),
    ("GET", f"{_PACKAGE}/versions", versions.list_versions),
    ("POST", f"{_PACKAGE}/versions:batchDelete", versions.delete_versions),
    ("GET", f"{_PACKAGE}/versions/{{version}}", versions.show_version),
    ("PATCH", f"{_PACKAGE}/versions/{{version}}", versions.patch_version),
    ("DELETE", f"{_PACKAGE}/versions/{{version}}", versions.delete_version),
    ("GET", f"{_PACKAGE}/tags", tags.list_tags),
    ("POST", f"{_PACKAGE}/tags", tags.create_tag),
    ("GET", f"{_PACKAGE}/tags/{{tag}}", tags.show_tag),
    ("PATCH", f"{_PACKAGE}/tags/{{tag}}", tags.patch_tag),
    ("DELETE", f"{_PACKAGE}/tags/{{tag}}", tags.delete_tag),
    # pubsub.googleapis.com: pubsub/
    ("GET", f"{_V1}/topics", topics.list_topics),
    ("GET", f"{_TOPIC}/subscriptions", topics.list_topic_subscriptions),
    ("POST", f"{_TOPIC}:publish", topics.publish),
    ("GET", f"{_TOPIC}:getIamPolicy", resource_policies.TOPICS.get_policy),
    ("POST", f"{_TOPIC}:setIamPolicy", resource_policies.TOPICS.set_policy),
    ("POST", f"{_TOPIC}:testIamPermissions", resource_policies.TOPICS.test_permissions),
    ("PUT", _TOPIC, topics.create_topic),
    ("GET", _TOPIC, topics.show_topic),
    ("PATCH", _TOPIC, topics.patch_topic),
    ("DELETE", _TOPIC, topics.delete_topic),
    ("GET", f"{_V1}/subscriptions", subscriptions.list_subscriptions),
    ("POST", f"{_SUBSCRIPTION}:pull", pulling.pull),
    ("POST", f"{_SUBSCRIPTION}:acknowledge", pulling.acknowledge),
    ("POST", f"{_SUBSCRIPTION}:modifyAckDeadline", pulling.modify_ack_deadline),
    ("POST", f"{_SUBSCRIPTION}:modifyPushConfig", subscriptions.modify_push_config),
    ("POST", f"{_SUBSCRIPTION}:seek", subscriptions.seek),
    ("POST", f"{_SUBSCRIPTION}:detach", subscriptions.detach_subscription),
    ("GET", f"{_SUBSCRIPTION}:getIamPolicy", resource_policies.SUBSCRIPTIONS.get_policy),
    ("POST", f"{_SUBSCRIPTION}:setIamPolicy", resource_policies.SUBSCRIPTIONS.set_policy),
    ("POST", f"{_SUBSCRIPTION}:testIamPermissions", resource_policies.SUBSCRIPTIONS.test_permissions),
    ("PUT", _SUBSCRIPTION, subscriptions.create_subscription),
    ("GET", _SUBSCRIPTION, subscriptions.show_subscription),
    ("PATCH", _SUBSCRIPTION, subscriptions.patch_subscription),
    ("DELETE", _SUBSCRIPTION, subscriptions.delete_subscription),
    # secretmanager.googleapis.com: secret_manager/
    ("GET", f"{_V1}/secrets", secrets.list_secrets),
    ("POST", f"{_V1}/secrets", secrets.create_secret),
    ("POST", f"{_SECRET}:addVersion", secret_versions.add_version),
    ("GET", f"{_SECRET}:getIamPolicy", resource_policies.SECRETS.get_policy),
    ("POST", f"{_SECRET}:setIamPolicy", resource_policies.SECRETS.set_policy),
    ("POST", f"{_SECRET}:testIamPermissions", resource_policies.SECRETS.test_permissions),
    ("GET", _SECRET, secrets.show_secret),
    ("PATCH", _SECRET, secrets.patch_secret),
    ("DELETE", _SECRET, secrets.delete_secret),
    ("GET", f"{_SECRET}/versions", secret_versions.list_versions),
    ("GET", f"{_SECRET_VERSION}:access", secret_versions.access_version),
    ("POST", f"{_SECRET_VERSION}:enable", secret_versions.enable_version),
    ("POST", f"{_SECRET_VERSION}:disable", secret_versions.disable_version),
    ("POST", f"{_SECRET_VERSION}:destroy", secret_versions.destroy_version),
    ("GET", _SECRET_VERSION, secret_versions.show_version),
]
