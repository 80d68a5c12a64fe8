"""Roles of IAM, with those of their permissions that the emulator checks: one table.

https://cloud.google.com/iam/docs/understanding-roles
"""


def _permissions(prefix: str, verbs: str) -> frozenset[str]:
    return frozenset(f"{prefix}.{verb}" for verb in verbs.split())


_PULL = _permissions("storage.objects", "get list")
_OBJECTS = _PULL | _permissions("storage.objects", "create delete")
_FOLDERS = _permissions("storage.managedFolders", "list")
_OBJECT_POLICY = _permissions("storage.objects", "getIamPolicy setIamPolicy")
_ALL_OBJECTS = _OBJECTS | _OBJECT_POLICY | _FOLDERS | _permissions("storage.objects", "update")
_BUCKETS = _permissions("storage.buckets", "create delete get getIamPolicy list update")
_GIVE_BUCKETS = _permissions("storage.buckets", "setIamPolicy")

_PROJECT = _permissions("resourcemanager.projects", "get list")
_READ_POLICY = _PROJECT | _permissions("resourcemanager.projects", "getIamPolicy")
_ADMINISTER_POLICY = _READ_POLICY | _permissions("resourcemanager.projects", "setIamPolicy")
_DELETE_PROJECT = _permissions("resourcemanager.projects", "delete undelete")
_UPDATE_PROJECT = _permissions("resourcemanager.projects", "update")

_READ_ACCOUNTS = _permissions("iam.serviceAccounts", "get list")
_ACCOUNTS = _READ_ACCOUNTS | _permissions(
    "iam.serviceAccounts", "create delete disable enable getIamPolicy undelete update"
)
_GIVE_ACCOUNTS = _permissions("iam.serviceAccounts", "setIamPolicy")
_ACT_AS = _permissions("iam.serviceAccounts", "actAs")
_OPEN_ID = _permissions("iam.serviceAccounts", "getOpenIdToken")
_IMPERSONATE = _OPEN_ID | _permissions("iam.serviceAccounts", "getAccessToken")
_SIGN = _permissions("iam.serviceAccounts", "implicitDelegation signBlob signJwt")
_READ_KEYS = _permissions("iam.serviceAccountKeys", "get list")
_KEYS = _READ_KEYS | _permissions("iam.serviceAccountKeys", "create delete disable enable")

_POOLS = "iam.workloadIdentityPools"
_PROVIDERS = "iam.workloadIdentityPoolProviders"
_READ_POOLS = _permissions(_POOLS, "get list") | _permissions(_PROVIDERS, "get list")
_CHANGES = "create delete undelete update"
_ADMINISTER_POOLS = _READ_POOLS | _permissions(_POOLS, _CHANGES) | _permissions(_PROVIDERS, _CHANGES)

_READ_SERVICES = _permissions("serviceusage.services", "get list")
_SERVICES = _READ_SERVICES | _permissions("serviceusage.services", "disable enable")

# https://cloud.google.com/artifact-registry/docs/access-control#roles
_READ_ARTIFACTS = (
    _permissions("artifactregistry.repositories", "downloadArtifacts get list")
    | _permissions("artifactregistry.packages", "get list")
    | _permissions("artifactregistry.versions", "get list")
    | _permissions("artifactregistry.tags", "get list")
    | _permissions("artifactregistry.dockerimages", "get list")
    | _permissions("artifactregistry.locations", "get list")
    | _permissions("artifactregistry.projectsettings", "get")
)
_WRITE_ARTIFACTS = (
    _READ_ARTIFACTS
    | _permissions("artifactregistry.repositories", "uploadArtifacts")
    | _permissions("artifactregistry.packages", "update")
    | _permissions("artifactregistry.tags", "create update")
)
_DELETE_ARTIFACTS = (
    _permissions("artifactregistry.repositories", "deleteArtifacts")
    | _permissions("artifactregistry.packages", "delete")
    | _permissions("artifactregistry.versions", "delete update")
    | _permissions("artifactregistry.tags", "delete")
)
_CREATE_ON_PUSH = _permissions("artifactregistry.repositories", "createOnPush")
_REPOSITORIES = _permissions(
    "artifactregistry.repositories", "create delete getIamPolicy update"
) | _permissions("artifactregistry.projectsettings", "update")
_ARTIFACTS = _WRITE_ARTIFACTS | _DELETE_ARTIFACTS | _CREATE_ON_PUSH | _REPOSITORIES
_GIVE_ARTIFACTS = _permissions("artifactregistry.repositories", "setIamPolicy")

# https://cloud.google.com/policy-intelligence/docs/analyze-iam-policies#required-permissions
_ASSETS = _permissions("cloudasset.assets", "analyzeIamPolicy searchAllResources")

# https://cloud.google.com/artifact-registry/docs/transition/auto-migrate-gcr-ar#permissions
_MIGRATE = (
    _permissions("artifactregistry.projectsettings", "get update")
    | _permissions(
        "artifactregistry.repositories",
        "create downloadArtifacts get getIamPolicy list setIamPolicy uploadArtifacts",
    )
    | _PULL
    | _permissions("resourcemanager.projects", "get getIamPolicy")
    | _ASSETS
)

# Nothing scans the images: a list of occurrences is empty.
_OCCURRENCES = _permissions("containeranalysis.occurrences", "list")

# https://cloud.google.com/pubsub/docs/access-control#roles
_PUBLISH = _permissions("pubsub.topics", "publish")
_READ_PUBSUB = _permissions("pubsub.topics", "get list") | _permissions("pubsub.subscriptions", "get list")
_SUBSCRIBE = _permissions("pubsub.subscriptions", "consume") | _permissions(
    "pubsub.topics", "attachSubscription"
)
_PUBSUB = (
    _READ_PUBSUB
    | _PUBLISH
    | _SUBSCRIBE
    | _permissions("pubsub.topics", "create delete detachSubscription update")
    | _permissions("pubsub.subscriptions", "create delete update")
)
_SHOW_PUBSUB_POLICIES = _permissions("pubsub.topics", "getIamPolicy") | _permissions(
    "pubsub.subscriptions", "getIamPolicy"
)
_GIVE_PUBSUB = _permissions("pubsub.topics", "setIamPolicy") | _permissions(
    "pubsub.subscriptions", "setIamPolicy"
)

# https://cloud.google.com/secret-manager/docs/access-control
_READ_SECRETS = _permissions("secretmanager.secrets", "get getIamPolicy list") | _permissions(
    "secretmanager.versions", "get list"
)
_ACCESS_SECRETS = _permissions("secretmanager.versions", "access")
_ADD_SECRETS = _permissions("secretmanager.versions", "add")
_VERSIONS = _ADD_SECRETS | _permissions("secretmanager.versions", "destroy disable enable get list")
_SECRETS = _READ_SECRETS | _VERSIONS | _permissions("secretmanager.secrets", "create delete update")
_GIVE_SECRETS = _permissions("secretmanager.secrets", "setIamPolicy")

_EDITOR = (
    _ALL_OBJECTS - _OBJECT_POLICY
    | _BUCKETS
    | _READ_POLICY
    | _UPDATE_PROJECT
    | _ACCOUNTS
    | _ACT_AS
    | _KEYS
    | _READ_POOLS
    | _SERVICES
    | _ARTIFACTS
    | _ASSETS
    | _OCCURRENCES
    | _PUBSUB
    | _SHOW_PUBSUB_POLICIES
    | _SECRETS
)

ROLES: dict[str, frozenset[str]] = {
    "roles/owner": _EDITOR
    | _OBJECT_POLICY
    | _ADMINISTER_POLICY
    | _DELETE_PROJECT
    | _GIVE_BUCKETS
    | _GIVE_ACCOUNTS
    | _ADMINISTER_POOLS
    | _GIVE_ARTIFACTS
    | _GIVE_PUBSUB
    | _ACCESS_SECRETS
    | _GIVE_SECRETS,
    "roles/editor": _EDITOR,
    # Google's viewers pull through a legacy binding of every new bucket. They lack storage.buckets.get, which
    # the refusal of their push names.
    # https://cloud.google.com/container-registry/docs/access-control
    "roles/viewer": _PULL
    | _FOLDERS
    | _permissions("storage.buckets", "list")
    | _READ_POLICY
    | _READ_ACCOUNTS
    | _READ_KEYS
    | _READ_POOLS
    | _READ_SERVICES
    | _READ_ARTIFACTS
    | _ASSETS
    | _OCCURRENCES
    | _READ_PUBSUB
    | _READ_SECRETS,
    "roles/browser": _READ_POLICY,
    "roles/storage.admin": _ALL_OBJECTS | _BUCKETS | _GIVE_BUCKETS | _PROJECT,
    # Without storage.buckets.get a push is refused, as at Google.
    "roles/storage.objectAdmin": _ALL_OBJECTS | _PROJECT,
    "roles/storage.objectCreator": _permissions("storage.objects", "create") | _PROJECT,
    "roles/storage.objectUser": _OBJECTS | _FOLDERS | _permissions("storage.objects", "update") | _PROJECT,
    "roles/storage.objectViewer": _PULL | _FOLDERS | _PROJECT,
    "roles/storage.bucketViewer": _permissions("storage.buckets", "get list") | _PROJECT,
    "roles/storage.legacyBucketReader": _permissions("storage.buckets", "get")
    | _permissions("storage.objects", "list")
    | _FOLDERS,
    # With storage.objects.get, which Container Registry's documentation demands for a push.
    "roles/storage.legacyBucketWriter": _OBJECTS | _FOLDERS | _permissions("storage.buckets", "get"),
    "roles/storage.legacyBucketOwner": _OBJECTS
    | _FOLDERS
    | _GIVE_BUCKETS
    | _permissions("storage.buckets", "get getIamPolicy update"),
    "roles/storage.legacyObjectReader": _permissions("storage.objects", "get"),
    "roles/storage.legacyObjectOwner": _OBJECT_POLICY | _permissions("storage.objects", "get update"),
    "roles/artifactregistry.reader": _READ_ARTIFACTS,
    "roles/artifactregistry.writer": _WRITE_ARTIFACTS,
    "roles/artifactregistry.repoAdmin": _WRITE_ARTIFACTS | _DELETE_ARTIFACTS,
    "roles/artifactregistry.createOnPushWriter": _WRITE_ARTIFACTS | _CREATE_ON_PUSH,
    "roles/artifactregistry.createOnPushRepoAdmin": _WRITE_ARTIFACTS | _DELETE_ARTIFACTS | _CREATE_ON_PUSH,
    "roles/artifactregistry.admin": _ARTIFACTS | _GIVE_ARTIFACTS,
    "roles/artifactregistry.containerRegistryMigrationAdmin": _MIGRATE,
    "roles/artifactregistry.serviceAgent": _PUBLISH,
    "roles/cloudasset.viewer": _ASSETS,
    "roles/containeranalysis.occurrences.viewer": _OCCURRENCES,
    "roles/containerregistry.ServiceAgent": _PULL
    | _PUBLISH
    | _permissions("storage.objects", "getIamPolicy"),
    "roles/pubsub.admin": _PUBSUB | _SHOW_PUBSUB_POLICIES | _GIVE_PUBSUB | _PROJECT,
    "roles/pubsub.editor": _PUBSUB | _PROJECT,
    "roles/pubsub.viewer": _READ_PUBSUB | _PROJECT,
    "roles/pubsub.publisher": _PUBLISH,
    "roles/pubsub.subscriber": _SUBSCRIBE,
    "roles/secretmanager.admin": _SECRETS | _ACCESS_SECRETS | _GIVE_SECRETS | _PROJECT,
    "roles/secretmanager.secretAccessor": _ACCESS_SECRETS | _PROJECT,
    "roles/secretmanager.secretVersionAdder": _ADD_SECRETS | _PROJECT,
    "roles/secretmanager.secretVersionManager": _VERSIONS | _PROJECT,
    "roles/secretmanager.viewer": _READ_SECRETS | _PROJECT,
    "roles/serviceusage.serviceUsageAdmin": _SERVICES,
    "roles/serviceusage.serviceUsageViewer": _READ_SERVICES,
    "roles/resourcemanager.projectCreator": _permissions("resourcemanager.projects", "create"),
    "roles/resourcemanager.projectDeleter": _DELETE_PROJECT,
    "roles/resourcemanager.projectIamAdmin": _ADMINISTER_POLICY,
    "roles/iam.serviceAccountAdmin": _ACCOUNTS | _GIVE_ACCOUNTS | _PROJECT,
    "roles/iam.serviceAccountKeyAdmin": _KEYS | _READ_ACCOUNTS | _PROJECT,
    "roles/iam.serviceAccountViewer": _READ_ACCOUNTS | _READ_KEYS | _PROJECT,
    # https://cloud.google.com/iam/docs/service-account-permissions
    "roles/iam.serviceAccountTokenCreator": _IMPERSONATE | _SIGN | _READ_ACCOUNTS | _PROJECT,
    "roles/iam.serviceAccountOpenIdTokenCreator": _OPEN_ID,
    "roles/iam.serviceAccountUser": _ACT_AS | _READ_ACCOUNTS | _PROJECT,
    "roles/iam.workloadIdentityUser": _IMPERSONATE | _READ_ACCOUNTS,
    "roles/iam.workloadIdentityPoolAdmin": _ADMINISTER_POOLS | _PROJECT,
    "roles/iam.workloadIdentityPoolViewer": _READ_POOLS | _PROJECT,
}

# Granted on buckets only. https://cloud.google.com/storage/docs/access-control/iam-roles#legacy-roles
BUCKET_ROLES = frozenset(role for role in ROLES if role.startswith("roles/storage.legacy"))
# Granted on whole projects, without a condition. https://cloud.google.com/iam/docs/conditions-overview
BASIC_ROLES = ("roles/owner", "roles/editor", "roles/viewer")

PROJECT, BUCKET, REPOSITORY, SERVICE_ACCOUNT = "project", "bucket", "repository", "service account"
TOPIC, SUBSCRIPTION, SECRET = "topic", "subscription", "secret"
# kind of resource -> (prefixes of the permissions on it, prefix of the names of its roles)
_GRANTABLE: dict[str, tuple[tuple[str, ...], str]] = {
    PROJECT: (("",), "roles/"),  # on a project and on all that is in it
    BUCKET: (("storage.",), "roles/storage."),
    REPOSITORY: (("artifactregistry.",), "roles/artifactregistry."),
    SERVICE_ACCOUNT: (("iam.serviceAccounts.", "iam.serviceAccountKeys."), "roles/iam.serviceAccount"),
    TOPIC: (("pubsub.topics.",), "roles/pubsub."),
    SUBSCRIPTION: (("pubsub.subscriptions.",), "roles/pubsub."),
    SECRET: (("secretmanager.",), "roles/secretmanager."),
}


def is_grantable(role: str, kind: str) -> bool:
    """Returns whether the role can be granted on that kind of resource: it has a permission on one.

    The name decides about a custom role, or a role of Google that is not in ROLES.
    https://cloud.google.com/iam/docs/viewing-grantable-roles
    """
    if role in BUCKET_ROLES:
        return kind == BUCKET
    # https://cloud.google.com/storage/docs/access-control/iam-roles#basic-roles
    if role in BASIC_ROLES and kind == BUCKET:
        return False
    prefixes, names = _GRANTABLE[kind]
    if role not in ROLES:
        return role.startswith(names) or "/roles/" in role
    return any(permission.startswith(prefixes) for permission in ROLES[role])
