"""Principals of federated identities, as members of IAM policies.

principal://iam.googleapis.com/POOL/subject/repo:octo-org/octo-repo:ref:refs/heads/main   one identity
principalSet://iam.googleapis.com/POOL/group/dev                                          its groups
principalSet://iam.googleapis.com/POOL/attribute.repository/octo-org/octo-repo            its attributes
principalSet://iam.googleapis.com/POOL/*                                                  all of the pool

where POOL is projects/NUMBER/locations/global/workloadIdentityPools/NAME. Policies may also have members that
cannot log in here: of locations/global/workforcePools/NAME, and of GKE's pool of a project. That pool has the
NAME PROJECT.svc.id.goog; GKE also writes serviceAccount:PROJECT.svc.id.goog[NAMESPACE/ACCOUNT].
https://cloud.google.com/iam/docs/principal-identifiers
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

_ONE, _SET = "principal://iam.googleapis.com/", "principalSet://iam.googleapis.com/"
_POOL = r"projects/\d{1,20}/locations/global/workloadIdentityPools/[a-z0-9.-]{1,63}"
_ANY_POOL = rf"(?:{_POOL}|locations/global/workforcePools/[a-z0-9-]{{1,63}})"
_KUBERNETES = r"([a-z0-9.:-]{1,128})\.svc\.id\.goog"
_KUBERNETES_ACCOUNT = rf"serviceAccount:{_KUBERNETES}\[[a-z0-9-]{{1,63}}/[a-z0-9.-]{{1,253}}\]"
# The forms of members of a pool. https://cloud.google.com/iam/docs/principal-identifiers
MEMBER = re.compile(
    rf"(?:deleted:)?{_ONE}{_ANY_POOL}/subject/[!-~].{{0,126}}"
    rf"|{_SET}{_ANY_POOL}/(?:\*|(?:group|namespace|kubernetes\.cluster)/.{{1,256}}"
    rf"|attribute\.[a-z0-9_]{{1,100}}/.{{1,256}})|{_KUBERNETES_ACCOUNT}",
    re.ASCII,
)
_KUBERNETES_PROJECT = re.compile(rf"(?:serviceAccount:|.*/workloadIdentityPools/){_KUBERNETES}[/[]", re.ASCII)
# Forbidden in names: a header, a log or a policy cannot show them.
_CONTROLS = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_POOL_ID = re.compile(r"[a-z0-9-]{4,32}", re.ASCII)
_POOL_OF_MEMBER = re.compile(rf"(?:{_ONE}|{_SET})({_POOL})/")

POOL_ID_RULE = "4 to 32 lower-case letters, digits or hyphens, not beginning with gcp-"


@dataclass(frozen=True)
class FederatedIdentity:
    """An identity in a pool, by the attribute mapping of a provider."""

    subject: str
    groups: Sequence[str] = ()
    attributes: Mapping[str, str] = field(default_factory=dict)


def is_nameable(text: str) -> bool:
    """Returns whether the text, of a member, subject or attribute, has no control characters."""
    return _CONTROLS.search(text) is None


def is_pool_id(text: str) -> bool:
    """Returns whether the text can be the ID of a pool or a provider."""
    return _POOL_ID.fullmatch(text) is not None and not text.startswith("gcp-")


def format_pool(project_number: str, pool_id: str) -> str:
    """Returns projects/NUMBER/locations/global/workloadIdentityPools/NAME."""
    return f"projects/{project_number}/locations/global/workloadIdentityPools/{pool_id}"


def format_member(pool: str, identity: FederatedIdentity) -> str:
    """Returns the member of an identity."""
    return f"{_ONE}{pool}/subject/{identity.subject}"


def list_sets(identity: FederatedIdentity) -> tuple[str, ...]:
    """Returns the ends of the principal sets of an identity: ("*", "group/dev", "attribute.a/b")."""
    groups = [f"group/{group}" for group in identity.groups]
    attributes = [f"attribute.{name}/{value}" for name, value in identity.attributes.items()]
    return ("*", *sorted(groups), *sorted(attributes))


def find_pool(member: str | None) -> str | None:
    """Returns the name of a federated member's pool; None for any other member."""
    match = _POOL_OF_MEMBER.match(member or "")
    return None if match is None else match[1]


def find_kubernetes_project(member: str) -> str | None:
    """Returns the project of a GKE pool's member; None for any other member."""
    match = _KUBERNETES_PROJECT.match(member)
    return None if match is None else match[1]


def format_set(pool: str, name: str) -> str:
    """Returns the member of a principal set of the pool, by its name in `list_sets`."""
    return f"{_SET}{pool}/{name}"
