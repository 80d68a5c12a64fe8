"""IAM's roles and the token's OAuth scopes must both allow; the reason names the one that does not."""

import pytest

from docker_credential_gcr.emulator.identity.authorization import Decision, decide
from docker_credential_gcr.emulator.identity.policy import EMPTY, grant, parse_policy
from docker_credential_gcr.emulator.identity.principal import ANONYMOUS, OPERATOR, Principal
from docker_credential_gcr.emulator.identity.resource import Resource, describe_bucket, get_bucket_resource

MEMBER = "serviceAccount:ci@my-project.iam.gserviceaccount.com"
AUTH = "https://www.googleapis.com/auth/"
PULL = ["storage.objects.get", "storage.objects.list"]
PUSH = ["storage.buckets.get", "storage.objects.create", "storage.objects.delete", *PULL]
FIRST_PUSH = ["storage.buckets.create", *PUSH]


def principal(*scopes: str) -> Principal:
    return Principal(MEMBER, frozenset(AUTH + scope for scope in scopes), "k1")


def allowed(who: Principal, role: str, permissions: list[str], member: str = MEMBER) -> bool:
    policy = grant(EMPTY, role, member)
    return all(decide(who, [EMPTY, policy], permission).allowed for permission in permissions)


@pytest.mark.parametrize(
    ("role", "pulls", "pushes", "pushes_first"),
    [
        ("roles/owner", True, True, True),
        ("roles/editor", True, True, True),
        ("roles/viewer", True, False, False),
        ("roles/storage.admin", True, True, True),
        ("roles/storage.objectAdmin", True, False, False),
        ("roles/storage.objectViewer", True, False, False),
        ("roles/storage.legacyBucketWriter", True, True, False),
        ("roles/storage.legacyBucketReader", False, False, False),
        ("roles/browser", False, False, False),
        ("roles/unheard.of", False, False, False),
    ],
)
def test_what_each_role_may_do_to_images(role: str, pulls: bool, pushes: bool, pushes_first: bool) -> None:
    who = principal("cloud-platform")

    assert (allowed(who, role, PULL), allowed(who, role, PUSH), allowed(who, role, FIRST_PUSH)) == (
        pulls,
        pushes,
        pushes_first,
    )


@pytest.mark.parametrize(
    ("scope", "downloads", "uploads", "creates", "lists"),
    [
        ("cloud-platform", True, True, True, True),
        ("cloud-platform.read-only", True, False, False, True),
        ("devstorage.read_write", True, True, False, False),
        ("devstorage.read_only", True, False, False, False),
        ("userinfo.email", False, False, False, False),
    ],
)
def test_what_each_oauth_scope_lets_an_owner_do_with_artifacts(
    scope: str, downloads: bool, uploads: bool, creates: bool, lists: bool
) -> None:
    verbs = ("downloadArtifacts", "uploadArtifacts", "create", "list")

    assert tuple(
        allowed(principal(scope), "roles/owner", [f"artifactregistry.repositories.{verb}"]) for verb in verbs
    ) == (downloads, uploads, creates, lists)


@pytest.mark.parametrize(
    ("scope", "lists", "enables"),
    [
        ("cloud-platform", True, True),
        ("cloud-platform.read-only", True, False),
        ("service.management", True, True),
        ("service.management.readonly", True, False),
        ("devstorage.full_control", False, False),
    ],
)
def test_what_each_oauth_scope_lets_an_owner_do_with_services(scope: str, lists: bool, enables: bool) -> None:
    who = principal(scope)

    assert allowed(who, "roles/owner", ["serviceusage.services.list"]) is lists
    assert allowed(who, "roles/owner", ["serviceusage.services.enable"]) is enables


@pytest.mark.parametrize(
    ("scope", "pulls", "pushes_first", "sets_policies"),
    [
        ("cloud-platform", True, True, True),
        ("cloud-platform.read-only", True, False, False),
        ("devstorage.full_control", True, True, False),
        ("devstorage.read_write", True, True, False),
        ("devstorage.read_only", True, False, False),
        ("cloudplatformprojects", False, False, True),
        ("userinfo.email", False, False, False),
    ],
)
def test_what_each_oauth_scope_lets_an_owner_do(
    scope: str, pulls: bool, pushes_first: bool, sets_policies: bool
) -> None:
    who, set_policy = principal(scope), ["resourcemanager.projects.setIamPolicy"]

    assert (
        allowed(who, "roles/owner", PULL),
        allowed(who, "roles/owner", FIRST_PUSH),
        allowed(who, "roles/owner", set_policy),
    ) == (pulls, pushes_first, sets_policies)


@pytest.mark.parametrize(
    ("member", "anonymous", "stranger"),
    [("allUsers", True, True), ("allAuthenticatedUsers", False, True), ("user:a@example.com", False, False)],
)
def test_what_is_public_is_public(member: str, anonymous: bool, stranger: bool) -> None:
    who = principal("devstorage.read_only")

    assert (
        allowed(ANONYMOUS, "roles/storage.objectViewer", PULL, member),
        allowed(who, "roles/storage.objectViewer", PULL, member),
    ) == (anonymous, stranger)


def test_what_all_users_may_do_needs_no_scope() -> None:
    assert allowed(principal("userinfo.email"), "roles/storage.objectViewer", PULL, "allUsers")


def test_the_operator_may_do_everything() -> None:
    assert decide(OPERATOR, [], "storage.buckets.create") == Decision(True, "storage.buckets.create", "")


@pytest.mark.parametrize(
    ("who", "role", "reason"),
    [
        (ANONYMOUS, "roles/owner", "the anonymous do not have storage.objects.get"),
        (principal("cloud-platform"), "roles/browser", f"{MEMBER} has no role with storage.objects.get"),
        (
            principal("userinfo.email"),
            "roles/owner",
            "no OAuth scope of the access token covers storage.objects.get",
        ),
    ],
    ids=["anonymous", "role", "scope"],
)
def test_a_refusal_says_why(who: Principal, role: str, reason: str) -> None:
    decision = decide(who, [grant(EMPTY, role, MEMBER)], "storage.objects.get")

    assert decision == Decision(False, "storage.objects.get", reason)


def test_a_permission_without_its_own_scope_needs_the_widest() -> None:
    policy = grant(EMPTY, "roles/owner", "allAuthenticatedUsers")

    assert decide(principal("cloud-platform"), [policy], "iam.serviceAccounts.get").allowed
    assert not decide(principal("devstorage.full_control"), [policy], "iam.serviceAccounts.get").allowed


ONE_BUCKET = {"title": "one bucket", "expression": 'resource.name.startsWith("projects/_/buckets/a/")'}


def test_a_role_on_a_condition_counts_where_it_is_met() -> None:
    binding = {"role": "roles/storage.objectViewer", "members": [MEMBER], "condition": ONE_BUCKET}
    policy = parse_policy({"version": 3, "bindings": [binding]})
    who, permission = principal("cloud-platform"), "storage.objects.get"

    def is_allowed(resource: Resource | None) -> bool:
        return decide(who, [policy], permission, resource).allowed

    assert is_allowed(get_bucket_resource(permission, "a", "my-project"))
    assert not is_allowed(get_bucket_resource(permission, "b", "my-project"))
    assert not is_allowed(None)


def test_the_public_has_a_role_on_a_condition() -> None:
    binding = {"role": "roles/storage.objectViewer", "members": ["allUsers"], "condition": ONE_BUCKET}
    policy = parse_policy({"version": 3, "bindings": [binding]})

    for name, expected in (("a", True), ("b", False)):
        resource = get_bucket_resource("storage.objects.get", name, "my-project")
        assert decide(ANONYMOUS, [policy], "storage.objects.get", resource).allowed is expected


@pytest.mark.parametrize(
    ("role", "member", "project", "expected"),
    [
        ("roles/viewer", "projectViewer:my-project", "my-project", True),
        ("roles/editor", "projectEditor:my-project", "my-project", True),
        ("roles/owner", "projectOwner:my-project", "my-project", True),
        ("roles/editor", "projectViewer:my-project", "my-project", False),
        ("roles/viewer", "projectViewer:my-project", "other-project", False),
        ("roles/browser", "projectViewer:my-project", "my-project", False),
    ],
)
def test_a_bucket_names_members_by_what_they_are_in_the_project(
    role: str, member: str, project: str, expected: bool
) -> None:
    of_project, of_bucket = grant(EMPTY, role, MEMBER), grant(EMPTY, "roles/storage.admin", member)
    who, resource = principal("cloud-platform"), describe_bucket("a", project)

    decision = decide(who, [of_project, of_bucket], "storage.buckets.setIamPolicy", resource)

    assert decision.allowed is (expected or role == "roles/owner")
