"""Principal of a request: an IAM member, and the OAuth scopes of its credential."""

from dataclasses import dataclass

CLOUD_PLATFORM = "https://www.googleapis.com/auth/cloud-platform"


@dataclass(frozen=True)
class Principal:
    """A member in IAM's form, such as "serviceAccount:ci@my-project.iam.gserviceaccount.com".

    `member` is None for ANONYMOUS; `key_id` is the service account key of the credential; `sets` are the
    principal sets of a federated identity: federation/principals.py.
    """

    member: str | None
    oauth_scopes: frozenset[str]
    key_id: str | None
    sets: tuple[str, ...] = ()


ANONYMOUS = Principal(None, frozenset(), None)

# Owner of everything. The domain can never be registered, so no policy at Google names this member.
# https://www.rfc-editor.org/rfc/rfc2606#section-2
OPERATOR = Principal("user:operator@gcr-emulator.invalid", frozenset({CLOUD_PLATFORM}), None)


def format_service_account(email: str) -> str:
    """Returns the member of a service account."""
    return f"serviceAccount:{email}"


def format_user(email: str) -> str:
    """Returns the member of a user."""
    return f"user:{email}"
