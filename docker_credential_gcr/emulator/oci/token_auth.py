"""Scopes, as a client asks for them at a token endpoint, and the challenge that names one.

    repository:my-project/app:pull,push

https://distribution.github.io/distribution/spec/auth/scope/
"""

from dataclasses import dataclass
from functools import lru_cache

from .errors import InvalidScope

PULL, PUSH, DELETE, ALL = "pull", "push", "delete", "*"
CATALOG = "registry:catalog:*"
_ACTIONS = frozenset({PULL, PUSH, DELETE, ALL})
_TYPES = frozenset({"repository", "registry"})


@dataclass(frozen=True)
class Scope:
    """One resource and what is to be done with it; `type` is repository or registry."""

    type: str
    name: str
    actions: frozenset[str]


def parse_scope(text: str) -> Scope:
    """The scope `text`; raises InvalidScope.

    Unknown actions are dropped, as the specification asks; the name is not checked.
    """
    parts = text.split(":")
    if len(parts) != 3 or parts[0].partition("(")[0] not in _TYPES:
        raise InvalidScope(f"invalid scope {text[:150]!r}")
    kind, name, actions = parts[0].partition("(")[0], parts[1], parts[2].split(",")
    return Scope(kind, name, frozenset(actions) & _ACTIONS)


def is_of_catalog(scope: Scope) -> bool:
    """Returns whether the scope is CATALOG, which lists the repositories of a registry."""
    return (scope.type, scope.name) == ("registry", "catalog") and ALL in scope.actions


def format_scope(name: str, *actions: str) -> str:
    """The scope of a repository and actions, in the given order."""
    return f"repository:{name}:{','.join(actions)}"


# A registry says few of them, and says them to every client first.
@lru_cache(1024)
def format_challenge(realm: str, service: str, scope: str | None = None) -> str:
    """Returns a registry's `WWW-Authenticate`: `Bearer realm="…",service="…"[,scope="…"]`.

    No blank after a comma: gcloud splits at the first blank and then at commas, without trimming.
    https://distribution.github.io/distribution/spec/auth/token/
    """
    fields = [("realm", realm), ("service", service)]
    if scope is not None:
        fields.append(("scope", scope))
    return "Bearer " + ",".join(f'{name}="{value}"' for name, value in fields)
