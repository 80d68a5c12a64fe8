"""IAM's roles and the token's OAuth scopes must both allow; the reason says which did not."""

import pytest

from docker_credential_gcr.emulator.identity.decision import Decision, decide
from docker_credential_gcr.emulator.identity.policy import EMPTY, grant
from docker_credential_gcr.emulator.identity.principal import ANONYMOUS, OPERATOR, Principal

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


def test_a_permission_without_a_scope_of_its_own_needs_the_widest() -> None:
    policy = grant(EMPTY, "roles/owner", "allAuthenticatedUsers")

    assert decide(principal("cloud-platform"), [policy], "iam.serviceAccounts.get").allowed
    assert not decide(principal("devstorage.full_control"), [policy], "iam.serviceAccounts.get").allowed
