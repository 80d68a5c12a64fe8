"""The names that users give to projects and service accounts."""

import re

from .google_services import AGENTS
from .policy import is_member
from .principal import OPERATOR, format_user

# https://cloud.google.com/resource-manager/docs/creating-managing-projects, and example.com:my-project,
# a project in a domain.
_DOMAIN = r"[a-z0-9-]{1,63}(?:\.[a-z0-9-]{1,63})+"
_PROJECT_ID = re.compile(rf"(?:{_DOMAIN}:)?[a-z][a-z0-9-]{{4,28}}[a-z0-9]", re.ASCII)
# Google's accounts have at least six characters; here also short ones, such as "ci", for tests.
_ACCOUNT = re.compile(r"[a-z](?:[a-z0-9-]{0,28}[a-z0-9])?", re.ASCII)
# Whoever had such a project could make accounts that are called like Google's own agents.
_RESERVED = frozenset(agent.host for agent in AGENTS.values())
_ACCOUNT_HOST = ".iam.gserviceaccount.com"

# Service accounts are none of Google's people, and the operator is nobody's to become.
_RESERVED_DOMAINS = ("gserviceaccount.com", (OPERATOR.member or "").partition("@")[2])

PROJECT_ID_RULE = (
    "6 to 30 lower-case letters, digits or hyphens, beginning with a letter, not ending in a hyphen"
)
ACCOUNT_RULE = (
    "1 to 30 lower-case letters, digits or hyphens, beginning with a letter, not ending in a hyphen"
)


def is_project_id(text: str) -> bool:
    """Whether a project may be called so: my-project, or example.com:my-project in a domain."""
    return len(text) <= 128 and _PROJECT_ID.fullmatch(text) is not None and text not in _RESERVED


def is_account(text: str) -> bool:
    """Whether a service account may be called so: what stands before the @ of its address."""
    return _ACCOUNT.fullmatch(text) is not None


def format_email(account: str, project_id: str) -> str:
    """The address of the account; of a project in a domain, the domain goes last.

    ci@my-project.iam.gserviceaccount.com, ci@my-project.example.com.iam.gserviceaccount.com
    """
    domain, _, name = project_id.rpartition(":")
    return f"{account}@{f'{name}.{domain}' if domain else name}{_ACCOUNT_HOST}"


def find_project_id(email: str) -> str | None:
    """The project that a service account's address names; None for an address of another form."""
    host = email.partition("@")[2]
    if not host.endswith(_ACCOUNT_HOST):
        return None
    name, _, domain = host.removesuffix(_ACCOUNT_HOST).partition(".")
    return f"{domain}:{name}" if domain else name


def is_user_email(text: str) -> bool:
    """Whether a person may have that address."""
    domain = text.rpartition("@")[2].lower()
    reserved = any(domain == name or domain.endswith(f".{name}") for name in _RESERVED_DOMAINS)
    return is_member(format_user(text)) and not reserved
