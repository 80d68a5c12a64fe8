"""Metric labels: from a bounded set, whatever a client sends."""

import pytest

from docker_credential_gcr.emulator.registry.app import ROUTES
from docker_credential_gcr.emulator.telemetry.labels import classify

DIGEST = "sha256:" + "0" * 64
VALUES = {"{name}": "my-project/some/app", "{digest}": DIGEST, "{reference}": "v1", "{upload}": "0" * 32}


@pytest.mark.parametrize(("method", "path"), [route[:2] for route in ROUTES])
def test_every_route_of_the_registry_has_its_own_label(method: str, path: str) -> None:
    asked = path
    for word, value in VALUES.items():
        asked = asked.replace(word, value)

    expected = ("gcr.io", method, path.replace("/uploads/{upload}", "/uploads/"))
    assert classify(b"gcr.io:5000", method, asked.encode()) == expected


@pytest.mark.parametrize(
    ("host", "method", "path", "labels"),
    [
        (b"eu.gcr.io.localhost:5000", "GET", b"/v2/", ("eu.gcr.io", "GET", "/v2/")),
        (b"OAUTH2.googleapis.com", "POST", b"/token", ("oauth2.googleapis.com", "POST", "/token")),
        (b"localhost:5000", "GET", b"/v1/projects/secret", ("local", "GET", "/v1")),
        (b"evil.example", "BREW", b"/secret/path", ("local", "other", "other")),
        (b"", "GET", b"*", ("local", "GET", "other")),
        (b"\xff", "GET", b"/\xff", ("local", "GET", "other")),
        (b"localhost", "GET", b"/v2/secret", ("local", "GET", "other")),
        (b"localhost", "GET", b"/v2/a/b/c/d", ("local", "GET", "other")),
    ],
)
def test_what_a_client_invents_is_no_label(
    host: bytes, method: str, path: bytes, labels: tuple[str, str, str]
) -> None:
    assert classify(host, method, path) == labels
