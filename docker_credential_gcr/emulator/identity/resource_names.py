"""Names of projects, service accounts and users: their rules and forms."""

import re

from .google_services import AGENTS
from .policy import is_member
from .principal import OPERATOR, format_user

# https://cloud.google.com/resource-manager/docs/creating-managing-projects, and example.com:my-project,
# a project in a domain.
_DOMAIN = r"[a-z0-9-]{1,63}(?:\.[a-z0-9-]{1,63})+"
_PROJECT_ID = re.compile(rf"(?:{_DOMAIN}:)?[a-z][a-z0-9-]{{4,28}}[a-z0-9]", re.ASCII)
# Google demands six characters; here short names, such as "ci", are allowed for tests.
_ACCOUNT = re.compile(r"[a-z](?:[a-z0-9-]{0,28}[a-z0-9])?", re.ASCII)
# A project of such a name could create accounts named like Google's service agents.
_RESERVED = frozenset(agent.host for agent in AGENTS.values())
_ACCOUNT_HOST = ".iam.gserviceaccount.com"

# Service accounts are no users, and no user may be the operator.
_RESERVED_DOMAINS = ("gserviceaccount.com", (OPERATOR.member or "").partition("@")[2])

PROJECT_ID_RULE = (
    "6 to 30 lower-case letters, digits or hyphens, beginning with a letter, not ending in a hyphen"
)
ACCOUNT_RULE = (
    "1 to 30 lower-case letters, digits or hyphens, beginning with a letter, not ending in a hyphen"
)


def is_project_id(text: str) -> bool:
    """Returns whether the text can be a project's ID: my-project, or example.com:my-project in a domain."""
    return len(text) <= 128 and _PROJECT_ID.fullmatch(text) is not None and text not in _RESERVED


def is_account(text: str) -> bool:
    """Returns whether the text can be a service account's name, the part of its address before the @."""
    return _ACCOUNT.fullmatch(text) is not None


def format_email(account: str, project_id: str) -> str:
    """Returns the address of the account; the domain of a project in a domain is after its name.

    ci@my-project.iam.gserviceaccount.com, ci@my-project.example.com.iam.gserviceaccount.com
    """
    domain, _, name = project_id.rpartition(":")
    return f"{account}@{f'{name}.{domain}' if domain else name}{_ACCOUNT_HOST}"


def find_project_id(email: str) -> str | None:
    """Returns the project in a service account's address; None for an address of another form."""
    host = email.partition("@")[2]
    if not host.endswith(_ACCOUNT_HOST):
        return None
    name, _, domain = host.removesuffix(_ACCOUNT_HOST).partition(".")
    return f"{domain}:{name}" if domain else name


def is_user_email(text: str) -> bool:
    """Returns whether a user may have that address."""
    domain = text.rpartition("@")[2].lower()
    reserved = any(domain == name or domain.endswith(f".{name}") for name in _RESERVED_DOMAINS)
    return is_member(format_user(text)) and not reserved
