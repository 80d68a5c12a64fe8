"""Who is asking, and what their credential allows them to ask for."""

from dataclasses import dataclass

CLOUD_PLATFORM = "https://www.googleapis.com/auth/cloud-platform"


@dataclass(frozen=True)
class Principal:
    """A member in IAM's form, such as "serviceAccount:ci@my-project.iam.gserviceaccount.com".

    `member` is None for the anonymous; `key_id` names the service account key behind the credential.
    """

    member: str | None
    oauth_scopes: frozenset[str]
    key_id: str | None


ANONYMOUS = Principal(None, frozenset(), None)

# Owner of everything. The domain can never be registered, so no policy of Google's names this member.
# https://www.rfc-editor.org/rfc/rfc2606#section-2
OPERATOR = Principal("user:operator@gcr-emulator.invalid", frozenset({CLOUD_PLATFORM}), None)


def format_service_account(email: str) -> str:
    """The member that stands for the service account."""
    return f"serviceAccount:{email}"


def format_user(email: str) -> str:
    """The member that stands for a person."""
    return f"user:{email}"
