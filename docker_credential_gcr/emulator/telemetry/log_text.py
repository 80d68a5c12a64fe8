"""Text lines of the access log, for a terminal: digests, upload IDs and accounts are shortened.

12:34:56  HEAD   404     1 ms  /v2/my-project/app/blobs/sha256:c51ab101518a  ci@my-project
12:34:56  GET    403     2 ms  /v2/token?scope=repository:hello:push,pull  -
          invalid repository name 'hello': expected PROJECT/IMAGE, such as localhost:5000/my-project/hello:1
"""

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

_REFUSED = 400
_OPERATOR_HOST = "@gcr-emulator.invalid"
_ACCOUNT_HOST = ".iam.gserviceaccount.com"
# As docker shortens an image's ID.
_LONG = re.compile(r"(sha256:[0-9a-f]{12}|/blobs/uploads/[0-9a-f]{12})[0-9a-f-]+")
# Parameters of a token request that repeat the member and the host.
_REPEATED = ("account", "service")
_INDENT = " " * len("12:34:56  ")


def format_text(now: datetime, level: str, fields: Mapping[str, Any]) -> str:
    """Returns the line of a request, with the reason of a refusal below it; or the message of an error."""
    time = now.astimezone().strftime("%H:%M:%S")
    if "status" not in fields:
        first, *rest = str(fields["message"]).splitlines() or [""]
        return "".join(f"{line}\n" for line in (f"{time}  {level}: {_escape(first)}", *map(_escape, rest)))
    status, duration = fields["status"], _format_duration(fields["duration_ms"])
    target = _LONG.sub(r"\1", fields["path"] + _format_query(fields["query"]))
    member = _format_member(fields["member"])
    line = f"{time}  {fields['method']:<6} {status} {duration}  {_escape(target)}  {member}\n"
    if status >= _REFUSED and fields["reason"] and not _is_probe(fields):
        line += f"{_INDENT}{_escape(fields['reason'])}\n"
    return line


def _is_probe(fields: Mapping[str, Any]) -> bool:
    """Returns whether the refusal is normal: a client asked for a challenge, or whether a blob exists."""
    return (fields["path"], fields["status"]) == ("/v2/", 401) or (
        (fields["method"], fields["status"]) == ("HEAD", 404)
    )


def _format_member(member: str | None) -> str:
    """Returns NAME@PROJECT of a service account, a user's address, or any other member as IAM names it."""
    kind, _, address = (member or "-").partition(":")
    if kind == "serviceAccount":
        return _escape(address.removesuffix(_ACCOUNT_HOST))
    return _escape(address.removesuffix(_OPERATOR_HOST) if kind == "user" else member or "-")


def _format_duration(ms: float) -> str:
    return f"{ms:5.0f} ms" if ms < 10_000 else f"{ms / 1000:5.0f} s "


def _format_query(query: Mapping[str, list[str]]) -> str:
    pairs = [f"{name}={value}" for name, values in query.items() if name not in _REPEATED for value in values]
    return "?" + "&".join(pairs) if pairs else ""


def _escape(text: str) -> str:
    """Returns the text with control characters escaped, which a terminal could execute."""
    return "".join(char if char.isprintable() else ascii(char)[1:-1] for char in text)
