"""Malformed paths and queries: refused in the API's form, whatever the route."""

import base64
import re
import sys
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from docker_credential_gcr.emulator.control import app as control
from docker_credential_gcr.emulator.google import app as google
from docker_credential_gcr.emulator.google.projects import resource_manager
from docker_credential_gcr.emulator.registry import app as registry

from .values import ESCAPED_VALUES, REGISTRY_PLACES

Server = Any
ENDPOINTS = [*control.ROUTES, *control.PUBLIC, *google.ROUTES, *registry.ROUTES]
ROUTES = [(method, path) for method, path, _ in ENDPOINTS]


@cache
def list_parameters(module: str) -> set[str]:
    """Returns the query parameters that the module's source reads, so that a new one is walked too."""
    source = Path(sys.modules[module].__file__ or "").read_text()
    return set(
        re.findall(r'(?:query_params|query|request)\.(?:get|getlist|parameter)\(\s*"([\w.$]+)"', source)
    )


SHARED = {
    name
    for path in Path(google.__file__).parent.rglob("*.py")
    if (
        module := ".".join(
            (google.__package__, *path.relative_to(Path(google.__file__).parent).with_suffix("").parts)
        )
    )
    not in {row[2].__module__ for row in google.ROUTES}
    and module in sys.modules
    for name in list_parameters(module)
} | {"pageToken", "pageSize", "n", "last", "updateMask"}


def test_the_parameters_of_the_sources_are_found() -> None:
    assert {"fields", "pageToken", "ifMetagenerationMatch"} <= SHARED
    assert list_parameters(resource_manager.__name__) == {"filter", "parent", "query", "showDeleted"}


@pytest.mark.parametrize(
    "url", ["/v1/projects/%ed%a0%80", "/v1/projects?filter=%ff", "/v1/projects?filter=%00"]
)
def test_z23_a_url_that_is_no_text_is_refused_in_googles_form(server: Server, url: str) -> None:
    reply = server.send("GET", url)
    text = "The URL holds bytes that are not valid UTF-8, or NUL."
    error = {"code": 400, "message": text, "status": "INVALID_ARGUMENT"}
    assert (reply.status, reply.body) == (400, {"error": error})


@pytest.mark.parametrize("method", ["GET", "DELETE"])
def test_z23_no_malformed_name_in_a_path_is_an_internal_error(server: Server, method: str) -> None:
    for _, path in [row for row in ROUTES if row[0] == method]:
        for name in re.findall(r"{\w+}", path):
            before, _, after = path.partition(name)
            # The other parameters are valid, or name no resource.
            before, after = (re.sub(r"{\w+}", "x", server.fill(part)) for part in (before, after))
            for wrong, value in ESCAPED_VALUES.items():
                url = f"{before}{value}{after}"
                reply = server.send(method, url)
                assert reply.status < 500, (wrong, url, reply)
                assert reply.status < 400 or is_refusal(reply), (wrong, url, reply)


def test_z23_no_malformed_parameter_is_an_internal_error(server: Server) -> None:
    for _, path, endpoint in [row for row in ENDPOINTS if row[0] == "GET"]:
        url = re.sub(r"{\w+}", "x", server.fill(path))
        for name in sorted(SHARED | list_parameters(endpoint.__module__)):
            for wrong, value in ESCAPED_VALUES.items():
                reply = server.send("GET", f"{url}?{name}={value}")
                assert reply.status < 500, (wrong, url, name, reply)
                assert reply.status < 400 or is_refusal(reply), (wrong, url, name, reply)


def test_z23_nul_in_a_parameter_or_a_credential_is_no_internal_error_where_the_resource_exists(
    server: Server,
) -> None:
    page_token = base64.b64encode(b"a\0b").decode()
    for _, path, endpoint in [row for row in ENDPOINTS if row[0] == "GET"]:
        url = server.fill(path)
        for name, value in REGISTRY_PLACES.items():
            url = url.replace(name, value)
        for name in sorted(SHARED | list_parameters(endpoint.__module__) | {"artifactType"}):
            reply = server.send("GET", f"{url}?{name}={page_token if name == 'pageToken' else 'a%00b'}")
            assert reply.status < 500, (url, name, reply)
        for login in (b"a\0b:x", b"_json_key:a\0b", b"oauth2accesstoken:a\0b"):
            headers = {"authorization": f"Basic {base64.b64encode(login).decode()}"}
            reply = server.send("GET", url, headers=headers)
            assert reply.status < 500, (url, login, reply)


def is_refusal(reply: Any) -> bool:
    """Returns whether it is Google's, the registry's or the emulator's own error, or an HTML page."""
    if reply.headers["content-type"].startswith("text/html"):
        return True
    return bool(reply.body.keys() & {"error", "errors"})
