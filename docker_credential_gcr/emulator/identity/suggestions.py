"""Suggestions in messages about a mistyped role, member or service account."""

import difflib

from .policy import is_member
from .resource_names import ACCOUNT_RULE, find_project_id, is_account, is_project_id
from .roles import BUCKET_ROLES, ROLES

PROJECT_ROLES = tuple(name for name in ROLES if name not in BUCKET_ROLES)
# Users write roles/storage.objectViewer, storage.objectViewer or objectViewer.
_SPELLINGS = {
    spelling: name
    for name in reversed(PROJECT_ROLES)
    for spelling in (name, name.removeprefix("roles/"), name.rpartition(".")[2])
}
_KINDS = ("user", "serviceAccount", "group", "domain", "projectOwner", "projectEditor", "projectViewer")
_PUBLIC = ("allUsers", "allAuthenticatedUsers")


def is_account_email(text: str) -> bool:
    """Returns whether the text is the address of a service account of a project."""
    project_id = find_project_id(text)
    return project_id is not None and is_account(text.partition("@")[0]) and is_project_id(project_id)


def explain_role(text: str) -> str | None:
    """Returns what is wrong with a role to be granted on a project; None for a known role."""
    if text in BUCKET_ROLES:
        return f"{text} can be granted on buckets only"
    if text in ROLES:
        return None
    close = [name for name in PROJECT_ROLES if name == f"roles/{text}"]
    close = close or [name for name in PROJECT_ROLES if name.endswith(f".{text}")]
    close = close or [_SPELLINGS[spelling] for spelling in difflib.get_close_matches(text, _SPELLINGS)]
    close = list(dict.fromkeys(close))
    hint = f"did you mean {' or '.join(close)}?" if close else f"known are {', '.join(PROJECT_ROLES)}"
    return f"no such role: {text!r}; {hint}"


def explain_member(text: str) -> str | None:
    """Returns what is wrong with the name of an IAM member; None for a valid name."""
    if is_member(text):
        return None
    suggestion = _suggest_member(text)
    if suggestion is None:
        return f"{text!r} is not a member, such as serviceAccount:EMAIL or allUsers"
    return f"{text!r} is not a member; did you mean {suggestion}?"


def _suggest_member(text: str) -> str | None:
    if is_account_email(text):
        return f"serviceAccount:{text}"
    if is_member(f"user:{text}"):
        return f"user:{text}"
    kind, colon, rest = text.partition(":")
    known = {name.lower(): name for name in (_KINDS if colon else _PUBLIC)}
    for close in difflib.get_close_matches(kind.lower(), known):
        suggestion = f"{known[close]}{colon}{rest}"
        if is_member(suggestion):
            return suggestion
    return None


def find_member_name(member: str) -> str:
    """Returns a member without its kind, mistyped or not: serviceAccount:NAME@HOST has no password."""
    kind, _, name = member.partition(":")
    return name if difflib.get_close_matches(kind.lower(), map(str.lower, _KINDS)) else member


def explain_account(text: str) -> str | None:
    """Returns what is wrong with a service account's name or address; None for a valid one."""
    if is_account(text) or is_account_email(text):
        return None
    if "@" in text:
        return f"{text!r} is not an address such as ci@my-project.iam.gserviceaccount.com"
    return f"{text!r} is not a name for a service account: {ACCOUNT_RULE}"
