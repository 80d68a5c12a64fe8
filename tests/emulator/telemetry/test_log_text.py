"""Text lines of the access log."""

import time
from collections.abc import Iterator
from datetime import datetime, timezone

import pytest

from docker_credential_gcr.emulator.identity.principal import OPERATOR
from docker_credential_gcr.emulator.telemetry.log_text import format_text

NOON = datetime(2026, 1, 2, 12, 0, 0, tzinfo=timezone.utc)
REQUEST = {
    "method": "GET",
    "path": "/v2/token",
    "query": {"account": ["x"], "scope": ["repository:p/app:pull"], "service": ["localhost:5000"]},
    "status": 200,
    "duration_ms": 1.6,
    "member": "serviceAccount:ci@p.iam.gserviceaccount.com",
    "reason": None,
}
LINE = "13:00:00  GET    200     2 ms  /v2/token?scope=repository:p/app:pull  ci@p\n"
DIGEST = "sha256:" + "a" * 64
UNDER = " " * 10

# id: (level, fields, text)
LINES = {
    "answered": ("info", REQUEST, LINE),
    "digest": (
        "info",
        {
            **REQUEST,
            "path": f"/v2/p/app/blobs/uploads/{'1' * 32}-0-{'2' * 32}",
            "query": {"digest": [DIGEST]},
        },
        f"13:00:00  GET    200     2 ms  /v2/p/app/blobs/uploads/{'1' * 12}?digest=sha256:{'a' * 12}  ci@p\n",
    ),
    "user": (
        "info",
        {**REQUEST, "query": {}, "member": "user:me@example.com"},
        "13:00:00  GET    200     2 ms  /v2/token  me@example.com\n",
    ),
    "operator": (
        "info",
        {**REQUEST, "query": {}, "member": OPERATOR.member},
        "13:00:00  GET    200     2 ms  /v2/token  operator\n",
    ),
    "anonymous": (
        "info",
        {**REQUEST, "member": None, "query": {}},
        "13:00:00  GET    200     2 ms  /v2/token  -\n",
    ),
    "member-of-a-pool": (
        "info",
        {**REQUEST, "member": "principal://iam/pools/p/subject/a:b", "query": {}, "duration_ms": 12_345.6},
        "13:00:00  GET    200    12 s   /v2/token  principal://iam/pools/p/subject/a:b\n",
    ),
    "refused": (
        "info",
        {**REQUEST, "status": 403, "reason": "Access denied."},
        LINE.replace("200", "403") + f"{UNDER}Access denied.\n",
    ),
    "refused-in-codes-of-a-terminal": (
        "info",
        {
            **REQUEST,
            "method": "PATCH",
            "query": {},
            "path": "/\x9b2J",
            "status": 404,
            "reason": "no\x1b[2J\nline",
        },
        f"13:00:00  PATCH  404     2 ms  /\\x9b2J  ci@p\n{UNDER}no\\x1b[2J\\nline\n",
    ),
    "asking-where-tokens-are": (
        "info",
        {
            **REQUEST,
            "path": "/v2/",
            "query": {},
            "status": 401,
            "member": None,
            "reason": "Unauthorized access.",
        },
        "13:00:00  GET    401     2 ms  /v2/  -\n",
    ),
    "asking-whether-a-blob-is-there": (
        "info",
        {**REQUEST, "method": "HEAD", "query": {}, "status": 404, "reason": "blob unknown"},
        "13:00:00  HEAD   404     2 ms  /v2/token  ci@p\n",
    ),
    "internal-error": (
        "error",
        {"request_id": "1", "logger": "x", "message": "internal error in request 1\nTraceback:\n  \x1b"},
        "13:00:00  error: internal error in request 1\nTraceback:\n  \\x1b\n",
    ),
}


@pytest.fixture(autouse=True)
def _in_a_time_zone(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with monkeypatch.context() as context:
        context.setenv("TZ", "UTC-1")
        time.tzset()
        yield
    time.tzset()


@pytest.mark.parametrize(("level", "fields", "text"), LINES.values(), ids=LINES)
def test_d12_a_line_for_a_person(level: str, fields: dict[str, object], text: str) -> None:
    assert format_text(NOON, level, fields) == text
