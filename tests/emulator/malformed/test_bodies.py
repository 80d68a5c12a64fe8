"""Malformed bodies: a wrong value in any member is refused, and harms no other request."""

import json
from typing import Any
from urllib.parse import urlencode

import pytest
from support.images import OCI_MANIFEST
from support.servers.in_process import make_manifest

from docker_credential_gcr.emulator.control import app as control
from docker_credential_gcr.emulator.google import app as google
from docker_credential_gcr.emulator.registry import app as registry

from .examples import ACCOUNT_PATH as ACCOUNT
from .examples import CREATING, EXAMPLES, KEYS, WITHOUT_BODY, Example
from .examples import PROVIDERS_PATH as PROVIDERS
from .values import ESCAPED_VALUES, REGISTRY_PLACES, list_mutations

Server = Any
WITH_BODY = ("PATCH", "POST", "PUT")
ROWS = [(method, path) for method, path, _ in [*google.ROUTES, *control.ROUTES, *control.PUBLIC]]
METADATA = ["", "project/", "instance/?recursive=true", "instance/service-accounts/default/token"]


def list_gets(server: Server) -> list[str]:
    """Returns the URL of each resource that can be read or listed."""
    urls = [path for method, path in ROWS if method == "GET"]
    for method, path, _ in registry.ROUTES:
        if method == "GET":
            for name, value in REGISTRY_PLACES.items():
                path = path.replace(name, value)
            urls.append(path)
    return [server.fill(url) for url in urls]


def look(server: Server) -> dict[str, int]:
    """Returns the status of each resource that can be read or listed."""
    found = {url: server.send("GET", url).status for url in list_gets(server)}
    for name in METADATA:
        url = f"/computeMetadata/v1/{name}"
        found[url] = server.send("GET", url, headers={"metadata-flavor": "Google"}).status
    return found


def send_json(server: Server, method: str, path: str, example: Example, text: str) -> Any:
    url = server.fill(path) + (f"?{example.query}" if example.query else "")
    return server.send(method, url, text.encode(), {"content-type": "application/json"})


def send_form(server: Server, method: str, path: str, text: str) -> Any:
    return server.send(
        method, server.fill(path), text.encode(), {"content-type": "application/x-www-form-urlencoded"}
    )


def list_requests(server: Server, method: str, path: str) -> list[tuple[str, Any]]:
    """Yields (what is wrong, response) for every malformed body of a route."""
    example = EXAMPLES[method, path]
    if not example.is_form:
        document = json.loads(server.fill(json.dumps(example.body)))
        mutations = list_mutations(document)
        return [(wrong, send_json(server, method, path, example, text)) for wrong, text in mutations]
    answers = []
    for name in [*example.body, "one_more"]:
        kept = urlencode({key: value for key, value in example.body.items() if key != name})
        for wrong, value in ESCAPED_VALUES.items():
            reply = send_form(server, method, path, f"{kept}&{name}={value}")
            answers.append((f"{name} is {wrong}", reply))
    return answers


def test_every_route_that_takes_a_body_has_an_example() -> None:
    routes = {row for row in ROWS if row[0] in WITH_BODY}
    assert routes == {*EXAMPLES, *WITHOUT_BODY}


@pytest.mark.parametrize(
    "area", ["/v1/projects/{project}/serviceAccounts", "/v1/projects/{project}/locations", "/v1/", "/"]
)
def test_z23_z24_no_malformed_member_is_an_internal_error_or_spoils_a_list(server: Server, area: str) -> None:
    areas = ["/v1/projects/{project}/serviceAccounts", "/v1/projects/{project}/locations", "/v1/", "/"]
    before = look(server)
    assert max(before.values()) < 500
    for method, path in EXAMPLES:
        if next(each for each in areas if path.startswith(each)) != area:
            continue
        for wrong, reply in list_requests(server, method, path):
            assert reply.status < 500, (method, path, wrong, reply)
            assert reply.status in (204, 303) or is_in_form(path, reply), (method, path, wrong, reply)
        restore(server)
        assert look(server) == before, (method, path)


def is_in_form(path: str, reply: Any) -> bool:
    kind = "text/html; charset=utf-8" if path == "/signin/oauth/consent" else "application/json"
    return bool(reply.headers["content-type"] == kind)


def restore(server: Server) -> None:
    """Restores, through the routes, what an accepted value has changed."""
    for path in ("/_emulator/clock", "/_emulator/faults", "/_emulator/metadata"):
        assert send_json(server, "PUT", path, Example(), json.dumps(EXAMPLES["PUT", path].body)).status < 300
    for method, path in list(EXAMPLES):
        # A PUT of Pub/Sub creates, and what it would create is there.
        if (method, path) in CREATING:
            continue
        if method in ("PATCH", "PUT") or path.endswith((":enable", ":setIamPolicy")):
            example = EXAMPLES[method, path]
            text = server.fill(json.dumps(example.body))
            reply = send_json(server, method, path, example, text)
            assert reply.status < 300, (method, path, reply)


# (route, member, the document that the member holds as a string)
WRITTEN: list[tuple[str, str, str, Any]] = [
    ("PATCH", f"{PROVIDERS}/{{provider}}", "oidc.jwksJson", KEYS),
    ("POST", f"{ACCOUNT}:signJwt", "payload", {"exp": 1, "a": "b"}),
    ("POST", "/v1/token", "options", {"userProject": "p"}),
]


@pytest.mark.parametrize(("method", "path", "member", "document"), WRITTEN)
def test_z23_z24_no_malformed_document_in_a_string_is_an_internal_error(
    server: Server, method: str, path: str, member: str, document: Any
) -> None:
    before = look(server)
    *outer, name = member.split(".")
    for wrong, text in list_mutations(document):
        body = json.loads(server.fill(json.dumps(EXAMPLES[method, path].body)))
        (body[outer[0]] if outer else body)[name] = text
        reply = send_json(server, method, path, EXAMPLES[method, path], json.dumps(body))
        assert reply.status < 500, (wrong, reply)
        assert is_in_form(path, reply), (wrong, reply)
    assert look(server) == before


def test_z23_no_malformed_member_of_a_manifest_is_an_internal_error_or_spoils_a_list(server: Server) -> None:
    before = look(server)
    server.push_blob("my-project/app", b"{}")
    for media_type in (OCI_MANIFEST, ""):
        for wrong, text in list_mutations(make_manifest(b"{}")):
            headers = {"content-type": media_type}
            reply = server.send("PUT", "/v2/my-project/app/manifests/v2", text.encode(), headers)
            assert reply.status < 500, (wrong, reply)
            assert reply.status == 201 or reply.body["errors"][0]["code"].isupper(), (wrong, reply)
    after = look(server)
    assert after == before
