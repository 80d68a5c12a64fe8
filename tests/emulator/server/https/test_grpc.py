"""gRPC requests are answered in the form that gRPC clients read: 12, UNIMPLEMENTED, and where REST is."""

import httpx
import pytest

from docker_credential_gcr.emulator.sites.hosts import GOOGLE_APIS

METHOD = "/google.devtools.artifactregistry.v1.ArtifactRegistry/ListRepositories"
MESSAGE = (
    "gcr-emulator does not serve gRPC: create the client with its REST transport, "
    'transport="rest" in Python, fallback: true in Node, NewRESTClient in Go'
)


@pytest.fixture
def client(ready, context):
    with httpx.Client(http2=True, verify=context, base_url=ready.url) as client:
        yield client


@pytest.mark.parametrize(
    "host", [pytest.param(host, id=f"H-Z54-{host}") for host in [*sorted(GOOGLE_APIS), "localhost"]]
)
def test_every_api_says_that_grpc_is_not_implemented(client, host):
    # The five bytes before a message that is empty.
    answer = client.post(METHOD, content=bytes(5), headers={"Host": host, "content-type": "application/grpc"})
    headers = {name: answer.headers[name] for name in ("content-type", "grpc-status", "grpc-message")}
    assert (answer.status_code, answer.content, headers) == (
        200,
        b"",
        {"content-type": "application/grpc", "grpc-status": "12", "grpc-message": MESSAGE},
    )


@pytest.mark.parametrize(
    ("method", "path", "content_type", "expected"),
    [
        pytest.param(
            "POST", "/v1/projects", "application/grpc+proto", (200, "12"), id="H-Z54-proto-at-any-path"
        ),
        pytest.param("POST", METHOD, "Application/gRPC; a=b", (200, "12"), id="H-Z54-parameter"),
        pytest.param("POST", METHOD, "application/grpc-web", (404, None), id="H-Z54-web"),
        pytest.param("POST", METHOD, "application/json", (404, None), id="H-Z54-rest"),
        pytest.param("GET", METHOD, "application/grpc", (404, None), id="H-Z54-get"),
    ],
)
def test_other_requests_are_answered_as_before(client, method, path, content_type, expected):
    answer = client.request(method, path, content=b"{}", headers={"content-type": content_type})
    assert (answer.status_code, answer.headers.get("grpc-status")) == expected
