"""Query parameters: unknown names are errors, both spellings (pageSize, page_size) are accepted."""

from collections.abc import Collection, Mapping
from urllib.parse import parse_qsl, urlencode

from starlette.requests import Request

from .errors import InvalidArgument
from .message_schema import to_camel

# Every method has these, and any that begins with $. https://cloud.google.com/apis/docs/system-parameters
_SYSTEM = frozenset(
    [
        "access_token",
        "alt",
        "callback",
        "fields",
        "key",
        "oauth_token",
        "prettyPrint",
        "quotaUser",
        "trace",
        "uploadType",
        "upload_protocol",
        "userIp",
        "userProject",
    ]
)


def normalize_names(request: Request, known: Collection[str]) -> Request:
    """Returns the request with its parameters' names in JSON's spelling. Raises InvalidArgument."""
    pairs = parse_qsl(request.scope["query_string"].decode("latin-1"), keep_blank_values=True)
    normalized = [(_normalize_name(name, known), value) for name, value in pairs]
    if normalized == pairs:
        return request
    return Request({**request.scope, "query_string": urlencode(normalized).encode()}, request.receive)


def parse_flag(query: Mapping[str, str], name: str) -> bool:
    """Returns whether a parameter is true; false is the default. Raises InvalidArgument."""
    value = query.get(name, "false").lower()
    if value not in ("true", "false"):
        raise InvalidArgument(f"Invalid value for {name}: it must be true or false.")
    return value == "true"


def _normalize_name(name: str, known: Collection[str]) -> str:
    if name in _SYSTEM or name.startswith("$"):
        return name
    normalized = to_camel(name)
    if normalized not in known:
        raise InvalidArgument(
            f'Invalid JSON payload received. Unknown name "{name[:100]}": Cannot bind query parameter. '
            f"Field '{normalized[:100]}' could not be found in request message."
        )
    return normalized
