"""Google's roles, with the permissions of theirs that something in the emulator checks.

https://cloud.google.com/iam/docs/understanding-roles
"""

_PULL = frozenset({"storage.objects.get", "storage.objects.list"})
_OBJECTS = _PULL | {"storage.objects.create", "storage.objects.delete"}
_STORAGE = _OBJECTS | {"storage.buckets.create", "storage.buckets.get"}

_PROJECT = frozenset({"resourcemanager.projects.get", "resourcemanager.projects.list"})
_READ_POLICY = _PROJECT | {"resourcemanager.projects.getIamPolicy"}
_ADMINISTER_POLICY = _READ_POLICY | {"resourcemanager.projects.setIamPolicy"}

_READ_ACCOUNTS = frozenset({"iam.serviceAccounts.get", "iam.serviceAccounts.list"})
_ACCOUNTS = _READ_ACCOUNTS | {"iam.serviceAccounts.create", "iam.serviceAccounts.delete"}
_READ_KEYS = frozenset({"iam.serviceAccountKeys.get", "iam.serviceAccountKeys.list"})
_KEYS = _READ_KEYS | {"iam.serviceAccountKeys.create", "iam.serviceAccountKeys.delete"}

ROLES: dict[str, frozenset[str]] = {
    "roles/owner": _STORAGE | _ADMINISTER_POLICY | _ACCOUNTS | _KEYS,
    "roles/editor": _STORAGE | _READ_POLICY | _ACCOUNTS | _KEYS,
    # Real viewers pull through a legacy binding that every new bucket gets for them; without
    # storage.buckets.get, so that is what a refused push of theirs names.
    # https://cloud.google.com/container-registry/docs/access-control
    "roles/viewer": _PULL | _READ_POLICY | _READ_ACCOUNTS | _READ_KEYS,
    "roles/browser": _READ_POLICY,
    "roles/storage.admin": _STORAGE | _PROJECT,
    # Without storage.buckets.get: a push is refused, as users of Container Registry found out.
    "roles/storage.objectAdmin": _OBJECTS | _PROJECT,
    "roles/storage.objectCreator": frozenset({"storage.objects.create"}) | _PROJECT,
    "roles/storage.objectViewer": _PULL | _PROJECT,
    "roles/storage.bucketViewer": frozenset({"storage.buckets.get"}) | _PROJECT,
    "roles/storage.legacyBucketReader": frozenset({"storage.buckets.get", "storage.objects.list"}),
    # With storage.objects.get, by Container Registry's table of what a push needs.
    "roles/storage.legacyBucketWriter": _OBJECTS | {"storage.buckets.get"},
    "roles/storage.legacyBucketOwner": _OBJECTS | {"storage.buckets.get"},
    "roles/resourcemanager.projectCreator": frozenset({"resourcemanager.projects.create"}),
    "roles/resourcemanager.projectIamAdmin": _ADMINISTER_POLICY,
    "roles/iam.serviceAccountAdmin": _ACCOUNTS | _PROJECT,
    "roles/iam.serviceAccountKeyAdmin": _KEYS | _READ_ACCOUNTS | _PROJECT,
    "roles/iam.serviceAccountViewer": _READ_ACCOUNTS | _READ_KEYS | _PROJECT,
}

# These exist on buckets alone. https://cloud.google.com/storage/docs/access-control/iam-roles#legacy-roles
BUCKET_ROLES = frozenset(role for role in ROLES if role.startswith("roles/storage.legacyBucket"))
