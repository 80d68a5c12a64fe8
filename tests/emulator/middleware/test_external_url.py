"""External URL: behind a load balancer that ends TLS, no response names the server's own scheme or host."""

import base64
import json
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from support.servers.in_process import InProcess

from docker_credential_gcr.emulator.control import app as control
from docker_credential_gcr.emulator.google import app as google
from docker_credential_gcr.emulator.registry import app as registry

EXTERNAL = "https://registry.example.com"
# What a balancer sends that keeps no Host, and its address.
INNER, PEER = "10.0.0.3:5000", "10.0.0.2"
BLOB = "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"
BUCKET = "artifacts.my-project.appspot.com"
OBJECT = f"containers%2Fimages%2F{BLOB}"
PLACES = {"name": "my-project/app", "reference": "v1", "digest": BLOB, "upload": "0" * 32}
ROUTES = [row[:2] for row in (*google.ROUTES, *control.ROUTES, *control.PUBLIC, *registry.ROUTES)]
QUERIES = {
    "/_emulator/issuer/tokens": "?subject=a&audience=b",
    "/o/oauth2/v2/auth": "?client_id=764086051850-6qr4p6gpi6hn506pt8ejuq83di341hur.apps.googleusercontent.com"
    "&response_type=code&redirect_uri=https://localhost:1/&scope=openid",
    "/v2/{name}/tags/list": "?n=1",
    "/storage/v1/b": "?project=my-project",
}
HTML = {"accept": "text/html"}
CLIENTS = [INNER, "registry.example.com", "localhost:5000", "gcr.io", "eu.gcr.io", "us-docker.pkg.dev"]


@pytest.fixture
def server(tmp_path: Path, call_app: Any, rsa_key: rsa.RSAPrivateKey) -> Iterator[InProcess]:
    made = InProcess(tmp_path / "data", call_app, open_remote=True)
    made.add_one_of_everything(rsa_key)
    made.close()
    made = InProcess(tmp_path / "data", call_app, external_url=EXTERNAL, open_remote=True)
    with closing(made):
        yield made


@pytest.fixture
def closed(tmp_path: Path, call_app: Any) -> Iterator[InProcess]:
    """Returns a registry that asks for credentials."""
    with closing(InProcess(tmp_path / "data", call_app, external_url=EXTERNAL)) as made:
        yield made


def list_texts(reply: Any) -> list[str]:
    """Returns every header's value, and the body."""
    body = reply.body if isinstance(reply.body, bytes) else json.dumps(reply.body).encode()
    return [*reply.headers.values(), body.decode("latin-1")]


def authorize(server: InProcess) -> dict[str, str]:
    token = (server.data / "keys" / "operator-token").read_text().strip()
    return {"authorization": f"Bearer {token}", "x-forwarded-for": "192.0.2.1", **HTML}


@pytest.mark.parametrize("host", CLIENTS)
def test_s3_no_route_names_the_scheme_or_host_that_the_balancer_used(server: InProcess, host: str) -> None:
    server.places |= PLACES | {"bucket": BUCKET, "object": OBJECT}
    headers = authorize(server)
    replies = {}
    for method, path in [("GET", "/"), *ROUTES, *(("POST", path) for path in QUERIES)]:
        url = server.fill(path) + QUERIES.get(path, "")
        replies[method, path] = server.send(method, url, b"", headers, host=host, peer=PEER)

    leaks = {
        row: text
        for row, reply in replies.items()
        for text in list_texts(reply)
        # The journal is a record of what was received.
        if row[1] != "/_emulator/journal" and ("http://" in text or (host == INNER and INNER in text))
    }
    assert leaks == {}
    assert [row for row, reply in replies.items() if reply.status >= 500 and reply.status != 501] == []


def test_s3_urls_lead_to_the_balancer(server: InProcess) -> None:
    headers = authorize(server)

    def get(url: str) -> Any:
        return server.send("GET", url, b"", headers, host=INNER, peer=PEER).body

    stored = get(f"/storage/v1/b/{BUCKET}/o/{OBJECT}")
    path = f"storage/v1/b/{BUCKET}/o/{OBJECT.replace(':', '%3A')}"
    assert stored["selfLink"] == f"{EXTERNAL}/{path}"
    assert stored["mediaLink"] == f"{EXTERNAL}/download/{path}?alt=media"
    found = get("/.well-known/openid-configuration")
    assert found["token_endpoint"] == f"{EXTERNAL}/token"
    assert (
        get("/_emulator/issuer/.well-known/openid-configuration")["issuer"] == f"{EXTERNAL}/_emulator/issuer"
    )
    token = get(f"/_emulator/issuer/tokens{QUERIES['/_emulator/issuer/tokens']}")["token"]
    payload = token.split(".")[1]
    claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    assert claims["iss"] == f"{EXTERNAL}/_emulator/issuer"
    assert f"--server {EXTERNAL}".encode() in get("/")


@pytest.mark.parametrize(
    ("host", "realm", "service"),
    [
        (INNER, EXTERNAL, "registry.example.com"),
        ("registry.example.com", EXTERNAL, "registry.example.com"),
        ("REGISTRY.example.com:443", EXTERNAL, "registry.example.com"),
        ("localhost:5000", EXTERNAL, "registry.example.com"),
        ("eu.gcr.io", "https://eu.gcr.io", "eu.gcr.io"),
        ("us-docker.pkg.dev:8443", "https://us-docker.pkg.dev:8443", None),
        ("mirror.gcr.io", "https://mirror.gcr.io", "mirror.gcr.io"),
    ],
)
def test_s3_realm_and_service_are_the_balancers_but_for_googles_names(
    closed: InProcess, host: str, realm: str, service: str | None
) -> None:
    reply = closed.send("GET", "/v2/", host=host)
    # Artifact Registry names no service at /v2/.
    named = f',service="{service}"' if service else ""
    challenge = f'Bearer realm="{realm}/v2/token"{named}'
    assert (reply.status, reply.headers["www-authenticate"]) == (401, challenge)


@pytest.mark.parametrize("host", ["", "a b", "evil.example/x"])
def test_a_malformed_host_is_refused_as_without_a_balancer(closed: InProcess, host: str) -> None:
    assert closed.send("GET", "/v2/", host=host).status == 400


@pytest.mark.parametrize(
    ("url", "headers"),
    [
        ("/v1/projects", {}),
        ("/_emulator/journal", {}),
        ("/v1/projects", {"origin": EXTERNAL}),
    ],
)
def test_no_request_is_local_behind_a_balancer_that_adds_no_header(
    closed: InProcess, url: str, headers: dict[str, str]
) -> None:
    assert closed.send("GET", url, b"", headers, host="localhost:5000", peer="127.0.0.1").status == 401


def test_metadata_server_sees_the_host_that_its_client_sent(tmp_path: Path, call_app: Any) -> None:
    # A web page of evil.example, whose name leads to this machine, is refused although the URL is loopback's.
    settings = {"external_url": "https://localhost:8443"}
    with closing(InProcess(tmp_path / "data", call_app, **settings)) as server:

        def ask(host: str, path: str = "/computeMetadata/v1/") -> Any:
            return server.send("GET", path, b"", {"metadata-flavor": "Google"}, host=host)

        assert ask("evil.example:5000").status == 403
        assert ask("localhost:5000").status == 200
        moved = ask("metadata.google.internal", "/computeMetadata/v1")
        assert (moved.status, moved.headers["location"]) == (
            301,
            "http://metadata.google.internal/computeMetadata/v1/",
        )
