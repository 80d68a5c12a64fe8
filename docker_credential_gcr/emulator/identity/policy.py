"""IAM policies as values: members, their roles on one resource, and conditions.

{"version": 3, "etag": "BwX0…", "bindings": [{"role": "roles/storage.objectViewer",
 "members": ["user:a@example.com"], "condition": {"title": "one host", "expression": "resource.name …"}}]}
"""

import base64
import hashlib
import json
import re
from dataclasses import dataclass

from docker_credential_gcr.emulator.identity.cel.conditions import InvalidCondition, compile_condition
from docker_credential_gcr.emulator.identity.federation.principals import MEMBER as FEDERATED_MEMBER

from .resource import Resource
from .roles import BASIC_ROLES

ALL_USERS = "allUsers"
ALL_AUTHENTICATED_USERS = "allAuthenticatedUsers"

# https://cloud.google.com/iam/docs/policies#limits
MAX_MEMBERS = 1500
# Google's etag of an empty policy.
_EMPTY_ETAG = "ACAB"

_EMAIL = r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]+@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+"
_MEMBER = re.compile(
    rf"(?:user|serviceAccount|group):{_EMAIL}|domain:[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+|{ALL_USERS}"
    rf"|{ALL_AUTHENTICATED_USERS}|project(?:Owner|Editor|Viewer):[a-z0-9.:-]+"
    rf"|deleted:(?:user|serviceAccount|group):{_EMAIL}\?uid=[0-9]{{1,30}}"
)
_ROLE = re.compile(r"(?:(?:projects|organizations)/[A-Za-z0-9.:-]+/)?roles/[A-Za-z0-9_.]{1,64}")


class InvalidPolicy(Exception):
    """The document is not a policy that IAM accepts."""


@dataclass(frozen=True)
class Condition:
    """The condition of a binding; the title and the description are for people."""

    expression: str
    title: str
    description: str = ""


@dataclass(frozen=True)
class Binding:
    """The members that have a role, always or on a condition."""

    role: str
    members: tuple[str, ...]
    condition: Condition | None = None

    def counts_for(self, resource: Resource | None) -> bool:
        """Returns whether the condition is met; without a resource no condition is."""
        if self.condition is None:
            return True
        return resource is not None and compile_condition(self.condition.expression)(resource)


@dataclass(frozen=True)
class Policy:
    """The bindings of one resource: each pair of role and condition once, each with members."""

    bindings: tuple[Binding, ...] = ()

    @property
    def version(self) -> int:
        """Returns 3 with a condition, else 1. https://cloud.google.com/iam/docs/allow-policies#versions"""
        return 3 if any(binding.condition for binding in self.bindings) else 1

    @property
    def etag(self) -> str:
        """Returns the etag of the content: an update with another policy's etag is refused."""
        if not self.bindings:
            return _EMPTY_ETAG
        content = json.dumps(
            [
                [binding.role, binding.members, _condition_texts(binding.condition)]
                for binding in self.bindings
            ]
        )
        # The base64 of hexadecimal digits has neither + nor /, which gcloud sends back as - and _.
        return base64.b64encode(hashlib.sha256(content.encode()).hexdigest()[:12].encode()).decode()


EMPTY = Policy()
_Key = tuple[str, Condition | None]


def is_member(text: str) -> bool:
    """Returns whether the text is a member of IAM: user:, serviceAccount:, group:, principal://, allUsers…"""
    if FEDERATED_MEMBER.fullmatch(text) is not None:
        return True
    return len(text) <= 320 and _MEMBER.fullmatch(text) is not None


def parse_policy(document: object) -> Policy:
    """Parses a JSON document; the caller compares its etag. Raises InvalidPolicy."""
    if not isinstance(document, dict):
        raise InvalidPolicy("policy must be an object")
    version = document.get("version", 1)
    if version not in (0, 1, 3):
        raise InvalidPolicy("policy version must be 0, 1 or 3")
    bindings = document.get("bindings", [])
    if not isinstance(bindings, list):
        raise InvalidPolicy("bindings must be a list")
    members: dict[_Key, list[str]] = {}
    for binding in bindings:
        key, added = _parse_binding(binding)
        if key[1] is not None and version != 3:
            raise InvalidPolicy("a policy with conditions must be of version 3")
        members.setdefault(key, []).extend(added)
    if sum(map(len, members.values())) > MAX_MEMBERS:
        raise InvalidPolicy(f"a policy holds at most {MAX_MEMBERS} members")
    return _build_policy(members)


def format_policy(policy: Policy, requested_version: int = 3) -> dict[str, object]:
    """Returns the document of a policy, for a client that requests at most that version.

    Below version 3 it has no conditions, and conditional roles have names that grant nothing.
    https://cloud.google.com/iam/docs/troubleshooting-withcond
    """
    document: dict[str, object] = {"version": min(policy.version, requested_version), "etag": policy.etag}
    if policy.bindings:
        document["bindings"] = [format_binding(binding, requested_version) for binding in policy.bindings]
    return document


def grant(policy: Policy, role: str, member: str) -> Policy:
    """Returns the policy with an unconditional grant of the role to the member."""
    members = _members(policy)
    members.setdefault((role, None), []).append(member)
    return _build_policy(members)


def revoke(policy: Policy, role: str, member: str) -> Policy:
    """Returns the policy without the member's role, on any condition."""
    members = {
        key: [other for other in names if other != member] if key[0] == role else names
        for key, names in _members(policy).items()
    }
    return _build_policy(members)


def format_deleted(member: str, unique_id: str) -> str:
    """Returns the name of a deleted member: a new member of the old name does not inherit its roles.

    https://cloud.google.com/iam/docs/principal-identifiers#deleted
    """
    return f"deleted:{member}?uid={unique_id}"


def rename_member(policy: Policy, member: str, other: str) -> Policy:
    """Returns the policy with `other` in place of `member`."""
    return _build_policy(
        {
            key: [other if name == member else name for name in names]
            for key, names in _members(policy).items()
        }
    )


def _members(policy: Policy) -> dict[_Key, list[str]]:
    return {(binding.role, binding.condition): list(binding.members) for binding in policy.bindings}


def _build_policy(members: dict[_Key, list[str]]) -> Policy:
    return Policy(
        tuple(
            Binding(role, tuple(sorted(set(names))), condition)
            for (role, condition), names in members.items()
            if names
        )
    )


def _parse_binding(binding: object) -> tuple[_Key, list[str]]:
    if not isinstance(binding, dict):
        raise InvalidPolicy("a binding must be an object")
    role, members = binding.get("role"), binding.get("members", [])
    if not isinstance(role, str) or not _ROLE.fullmatch(role):
        raise InvalidPolicy(f"role {role!r} is not of the form roles/NAME")
    if not isinstance(members, list):
        raise InvalidPolicy(f"the members of {role} must be a list")
    for member in members:
        if not isinstance(member, str) or not is_member(member):
            raise InvalidPolicy(f"member {member!r} is not of a known form, such as user:EMAIL")
    return (role, _parse_condition(role, binding.get("condition"))), members


def _parse_condition(role: str, document: object) -> Condition | None:
    if document is None:
        return None
    if role in BASIC_ROLES:
        raise InvalidPolicy(f"the basic role {role} takes no condition")
    if not isinstance(document, dict):
        raise InvalidPolicy(f"the condition of {role} must be an object")
    texts = [document.get(name, "") for name in ("expression", "title", "description")]
    expression, title, description = texts
    if not all(isinstance(text, str) for text in texts) or not expression:
        raise InvalidPolicy(f"the condition of {role} must have an expression, a string")
    if not title or len(title) > 100 or len(description) > 256:
        raise InvalidPolicy(
            f"the condition of {role} must have a title of 1 to 100 characters, and at most 256 more"
        )
    try:
        compile_condition(expression)
    except InvalidCondition as error:
        raise InvalidPolicy(f"the condition {title!r} of {role} cannot be evaluated: {error}") from error
    return Condition(expression, title, description)


def format_binding(binding: Binding, requested_version: int = 3) -> dict[str, object]:
    """Returns {"role": …, "members": […]}, from version 3 on with the condition."""
    document: dict[str, object] = {"role": binding.role, "members": list(binding.members)}
    if binding.condition is None:
        return document
    if requested_version < 3:
        content = json.dumps(_condition_texts(binding.condition))
        return {
            **document,
            "role": f"{binding.role}_withcond_{hashlib.sha256(content.encode()).hexdigest()[:20]}",
        }
    condition = {"title": binding.condition.title, "expression": binding.condition.expression}
    if binding.condition.description:
        condition["description"] = binding.condition.description
    return {**document, "condition": condition}


def _condition_texts(condition: Condition | None) -> list[str]:
    return [] if condition is None else [condition.expression, condition.title, condition.description]
