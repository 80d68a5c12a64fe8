"""IAM policies as values: which members hold which roles on one resource.

{"version": 1, "etag": "BwX0…", "bindings": [{"role": "roles/viewer", "members": ["user:a@example.com"]}]}
"""

import base64
import hashlib
import json
import re
from dataclasses import dataclass

ALL_USERS = "allUsers"
ALL_AUTHENTICATED_USERS = "allAuthenticatedUsers"

# https://cloud.google.com/iam/docs/policies#limits
MAX_MEMBERS = 1500
# Google's etag of a policy that was never set.
_EMPTY_ETAG = "ACAB"

_EMAIL = r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]+@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+"
_MEMBER = re.compile(
    rf"(?:user|serviceAccount|group):{_EMAIL}|domain:[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+|{ALL_USERS}"
    rf"|{ALL_AUTHENTICATED_USERS}"
)
_ROLE = re.compile(r"(?:(?:projects|organizations)/[A-Za-z0-9.:-]+/)?roles/[A-Za-z0-9_.]{1,64}")


class InvalidPolicy(Exception):
    """The document is not a policy that IAM takes."""


@dataclass(frozen=True)
class Binding:
    """The members that hold a role."""

    role: str
    members: tuple[str, ...]


@dataclass(frozen=True)
class Policy:
    """The bindings of one resource; each role once, nothing empty."""

    bindings: tuple[Binding, ...] = ()
    version: int = 1

    @property
    def etag(self) -> str:
        """Names the content: an update that carries another policy's etag comes too late."""
        if not self.bindings:
            return _EMPTY_ETAG
        content = json.dumps([[binding.role, *binding.members] for binding in self.bindings])
        return base64.b64encode(hashlib.sha256(content.encode()).digest()[:9]).decode()


EMPTY = Policy()


def is_member(text: str) -> bool:
    """Whether the text names members as IAM does: user:, serviceAccount:, group:, domain:, allUsers…"""
    return len(text) <= 320 and _MEMBER.fullmatch(text) is not None


def parse_policy(document: object) -> Policy:
    """The policy in a JSON document; its etag is the caller's to compare. Raises InvalidPolicy."""
    if not isinstance(document, dict):
        raise InvalidPolicy("policy must be an object")
    if document.get("version", 1) not in (0, 1, 3):
        raise InvalidPolicy("policy version must be 0, 1 or 3")
    bindings = document.get("bindings", [])
    if not isinstance(bindings, list):
        raise InvalidPolicy("bindings must be a list")
    members: dict[str, list[str]] = {}
    for binding in bindings:
        role, added = _parse_binding(binding)
        members.setdefault(role, []).extend(added)
    if sum(map(len, members.values())) > MAX_MEMBERS:
        raise InvalidPolicy(f"a policy holds at most {MAX_MEMBERS} members")
    return _make(members)


def format_policy(policy: Policy) -> dict[str, object]:
    """The document of a policy, as Google's APIs give it."""
    document: dict[str, object] = {"version": policy.version, "etag": policy.etag}
    if policy.bindings:
        document["bindings"] = [
            {"role": binding.role, "members": list(binding.members)} for binding in policy.bindings
        ]
    return document


def grant(policy: Policy, role: str, member: str) -> Policy:
    """The policy with the role for the member."""
    members = _members(policy)
    members.setdefault(role, []).append(member)
    return _make(members)


def revoke(policy: Policy, role: str, member: str) -> Policy:
    """The policy without the role for the member."""
    members = _members(policy)
    members[role] = [other for other in members.get(role, []) if other != member]
    return _make(members)


def _members(policy: Policy) -> dict[str, list[str]]:
    return {binding.role: list(binding.members) for binding in policy.bindings}


def _make(members: dict[str, list[str]]) -> Policy:
    return Policy(tuple(Binding(role, tuple(sorted(set(names)))) for role, names in members.items() if names))


def _parse_binding(binding: object) -> tuple[str, list[str]]:
    if not isinstance(binding, dict):
        raise InvalidPolicy("a binding must be an object")
    role, members = binding.get("role"), binding.get("members", [])
    if not isinstance(role, str) or not _ROLE.fullmatch(role):
        raise InvalidPolicy(f"role {role!r} is not of the form roles/NAME")
    if "condition" in binding:
        raise InvalidPolicy(f"the binding of {role} has a condition, which gcr-emulator cannot evaluate")
    if not isinstance(members, list):
        raise InvalidPolicy(f"the members of {role} must be a list")
    for member in members:
        if not isinstance(member, str) or not is_member(member):
            raise InvalidPolicy(f"member {member!r} is not of a known form, such as user:EMAIL")
    return role, members
