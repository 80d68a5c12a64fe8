"""A client that is still sending when it is refused reads the status: nothing is cut off over HTTP/1.1."""

import http.client

import pytest

# More than the kernel's buffers hold: the client is still sending when the response arrives.
LARGE = bytes(9_000_000)
# A client that sends its last chunk separately has not sent it when the server refuses a small body.
SMALL = [b"x" * 100] * 2
REFUSED = {
    "registry": ("gcr.io", "/v2/my-project/app/blobs/uploads/", 401),
    "registry-without-a-resource": ("gcr.io", "/v2/my-project/app", 404),
    "public-registry": ("mirror.gcr.io", "/v2/library/alpine/blobs/uploads/", 403),
    "no-registry": ("gcr.io", "/nothing", 404),
    "storage-without-a-resource": ("storage.googleapis.com", "/upload/storage/v1/b/x/o", 404),
    "storage": ("storage.googleapis.com", "/storage/v1/b?project=my-project", 401),
    "token": ("oauth2.googleapis.com", "/token", 400),
    "control": ("localhost", "/_emulator/reset", 401),
    "no-host": ("a b", "/v2/", 400),
}


@pytest.fixture(params=["plain", "tls"])
def connect_once(request, connect, context, gcr_emulator):
    """Opens a connection of http.client, which reads the response only after it has sent everything."""
    if request.param == "plain":
        return lambda: http.client.HTTPConnection(gcr_emulator.registry, timeout=60)

    def make():
        context.set_alpn_protocols(["http/1.1"])
        connection = http.client.HTTPConnection("localhost")
        connection.sock = connect()
        return connection

    return make


@pytest.mark.parametrize("body", ["large", "large-in-chunks", "small-in-chunks"])
@pytest.mark.parametrize(
    ("host", "path", "status"), [pytest.param(*each, id=f"H-Z55-{name}") for name, each in REFUSED.items()]
)
def test_status_of_a_refusal_arrives(connect_once, host, path, status, body):
    content = {
        "large": LARGE,
        "large-in-chunks": iter([LARGE[:100_000]] * 90),
        "small-in-chunks": iter(SMALL),
    }
    headers = {"Host": host, "Authorization": "Bearer none", "Content-Type": "application/json"}
    if status == 401 and path.startswith("/v2/"):
        del headers["Authorization"]

    connection = connect_once()
    try:
        connection.request("POST", path, content[body], headers, encode_chunked=body != "large")
        found = connection.getresponse().status
    finally:
        connection.close()

    assert found == status
