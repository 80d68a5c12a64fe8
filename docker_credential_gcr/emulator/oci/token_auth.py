"""Token scopes, and the WWW-Authenticate challenge that names one.

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
    """Actions on one resource; `type` is repository or registry."""

    type: str
    name: str
    actions: frozenset[str]


def parse_scope(text: str) -> Scope:
    """Parses a scope. Raises InvalidScope.

    Unknown actions are dropped, as the specification demands; the name is not checked.
    """
    parts = text.split(":")
    if len(parts) != 3 or parts[0].partition("(")[0] not in _TYPES:
        raise InvalidScope(f"invalid scope {text[:150]!r}")
    kind, name, actions = parts[0].partition("(")[0], parts[1], parts[2].split(",")
    return Scope(kind, name, frozenset(actions) & _ACTIONS)


def is_catalog_scope(scope: Scope) -> bool:
    """Returns whether the scope is CATALOG, which lists the repositories of a registry."""
    return (scope.type, scope.name) == ("registry", "catalog") and ALL in scope.actions


def format_scope(name: str, *actions: str) -> str:
    """Returns the scope of a repository and actions, in the order of the arguments."""
    return f"repository:{name}:{','.join(actions)}"


# Cached: few different challenges exist, and each client's first request is answered with one.
@lru_cache(1024)
def format_challenge(
    realm: str, service: str | None = None, scope: str | None = None, *, quotes_service: bool = True
) -> str:
    """Returns the value of WWW-Authenticate: `Bearer realm="…"[,service="…"][,scope="…"]`.

    No space after a comma: gcloud splits at the first space and then at commas, without trimming.
    https://distribution.github.io/distribution/spec/auth/token/
    """
    fields = [f'realm="{realm}"']
    if service is not None:
        fields.append(f'service="{service}"' if quotes_service else f"service={service}")
    if scope is not None:
        fields.append(f'scope="{scope}"')
    return "Bearer " + ",".join(fields)
