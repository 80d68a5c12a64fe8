"""Routes match the path as it was sent: a slash in a segment and a verb's colon may be quoted."""

from types import SimpleNamespace
from typing import Any

import pytest

from docker_credential_gcr.emulator.google.rest.routing import RouteTable


async def show(request: Any, services: Any) -> Any:
    raise NotImplementedError(request, services)


async def run(request: Any, services: Any) -> Any:
    raise NotImplementedError(request, services)


TABLE = RouteTable([("POST", "/v1/things/{thing}:run", run), ("GET", "/v1/things/{thing}/{part}", show)])


@pytest.mark.parametrize(
    ("method", "path", "found"),
    [
        ("POST", b"/v1/things/a:run", (run, {"thing": "a"})),
        ("POST", b"/v1/things/a%3Arun", (run, {"thing": "a"})),
        ("POST", b"/v1/things/example.com:a:run", (run, {"thing": "example.com:a"})),
        ("POST", b"/v1/things/a%2Fb:run", (run, {"thing": "a/b"})),
        ("GET", b"/v1/things/a/b%2Fc%20d", (show, {"thing": "a", "part": "b/c d"})),
        ("GET", b"/v1/things/a/%C3%BC", (show, {"thing": "a", "part": "ü"})),
        ("GET", b"/v1/things/a/b/c", None),
        ("GET", b"/v1/things/a/", None),
        ("GET", b"/v1/things/a:run", None),
        ("POST", b"/v1/things/a:walk", None),
        ("POST", b"/v1/things/a/b", None),
        ("POST", b"/v1.things/a:run", None),
    ],
)
def test_a_row_is_found(method: str, path: bytes, found: object) -> None:
    request: Any = SimpleNamespace(method=method, scope={"raw_path": path})

    assert TABLE.find(request) == found
