"""Changes of some fields of a resource: ?updateMask=displayName,oidc.allowedAudiences

https://google.aip.dev/134
"""

import re
from collections.abc import Collection, Mapping
from typing import Any

from starlette.requests import Request

from .errors import InvalidArgument

_SNAKE = re.compile(r"_([a-z])")


def merge(
    request: Request, current: Mapping[str, Any], body: Mapping[str, Any], known: Collection[str]
) -> dict[str, Any]:
    """What `current` becomes when the fields that the mask names are those of `body`; without a mask, all
    that `body` has of them.

    `known` are the names that a mask may begin with. Raises InvalidArgument.
    """
    text = request.query_params.get("updateMask") or request.query_params.get("update_mask")
    paths = [_unify(path) for path in text.split(",")] if text else [name for name in known if name in body]
    merged = dict(current)
    for path in paths:
        name, _, inner = path.partition(".")
        if name not in known or "." in inner:
            raise InvalidArgument(f"Invalid update mask: the field {path[:100]!r} is unknown.")
        if not inner:
            merged[name] = body.get(name)
            continue
        old, new = merged.get(name) or {}, body.get(name) or {}
        if not isinstance(new, dict):
            raise InvalidArgument(f"{name} must be an object.")
        merged[name] = {**old, inner: new.get(inner)}
    return {name: value for name, value in merged.items() if value is not None}


def _unify(path: str) -> str:
    """A field's name as JSON has it: display_name is displayName."""
    return _SNAKE.sub(lambda match: match[1].upper(), path.strip())
