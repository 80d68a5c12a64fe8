"""What of a request may be shown in the journal and in logs: an allow-list, for the rest may be a secret."""

from urllib.parse import parse_qs

_PARAMETERS = frozenset({"account", "digest", "from", "last", "mount", "n", "scope", "service"})


def show_query(query_string: bytes) -> dict[str, list[str]]:
    """The parameters of a query that may be shown."""
    query = parse_qs(query_string.decode("latin-1"))
    return {name: values for name, values in query.items() if name in _PARAMETERS}
