"""Partial responses: ?fields=items(name,iam/etag),nextPageToken

https://cloud.google.com/storage/docs/json_api#partial-response
"""

import json
import re
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from .errors import InvalidArgument

# Requested name -> mask of the members below it; an empty mask requests all of them.
Mask = dict[str, "Mask"]

_TOKEN = re.compile(r"[A-Za-z0-9_@*-]+|[,/()]")
_MAX_SIZE = 2048
_MAX_DEPTH = 16


def select_fields(request: Request, response: Response) -> Response:
    """Returns the response, reduced to the members that the query's `fields` name. Raises InvalidArgument."""
    text = request.query_params.get("fields") or request.query_params.get("$fields")
    if not text or not isinstance(response, JSONResponse):
        return response
    mask = parse_mask(text)
    headers = {name: value for name, value in response.headers.items() if name != "content-length"}
    return JSONResponse(apply_mask(mask, json.loads(bytes(response.body))), response.status_code, headers)


def parse_mask(text: str) -> Mask:
    """Parses the text of `fields`. Raises InvalidArgument."""
    tokens = _TOKEN.findall(text)
    if len(text) > _MAX_SIZE or "".join(tokens) != text:
        raise InvalidArgument(f"Invalid field selection {text[:100]}")
    tokens.append("")
    mask, position = _read_list(tokens, 0, 0)
    if tokens[position]:
        raise InvalidArgument(f"Invalid field selection {text[:100]}")
    return mask


def apply_mask(mask: Mask, document: Any) -> Any:
    """Returns the parts of a JSON document that the mask names; a list is reduced item by item."""
    if not mask or ("*" in mask and not mask["*"]):
        return document
    if isinstance(document, list):
        return [apply_mask(mask, item) for item in document]
    if not isinstance(document, dict):
        return document
    anything = mask.get("*")
    return {
        name: apply_mask(mask.get(name, anything or {}), value)
        for name, value in document.items()
        if name in mask or anything is not None
    }


def _read_list(tokens: list[str], position: int, depth: int) -> tuple[Mask, int]:
    """Parses a,b/c,d(e,f) from `position` on. Returns the mask, and the position after it."""
    mask: Mask = {}
    while True:
        position = _read_path(tokens, position, depth, mask)
        if tokens[position] != ",":
            return mask, position
        position += 1


def _read_path(tokens: list[str], position: int, depth: int, mask: Mask) -> int:
    name = tokens[position]
    if not name or name in ",/()" or depth > _MAX_DEPTH:
        raise InvalidArgument(f"Invalid field selection {''.join(tokens)[:100]}")
    inner = mask.setdefault(name, {})
    position += 1
    if tokens[position] == "/":
        return _read_path(tokens, position + 1, depth + 1, inner)
    if tokens[position] == "(":
        listed, position = _read_list(tokens, position + 1, depth + 1)
        inner.update(listed)
        if tokens[position] != ")":
            raise InvalidArgument(f"Invalid field selection {''.join(tokens)[:100]}")
        position += 1
    return position
