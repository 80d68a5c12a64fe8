"""Bad inputs: the status and the whole body of the response, row by row."""

import base64
import json
import socket

import pytest
from support.images import OCI_INDEX, OCI_MANIFEST

REPOSITORY = "my-project/app"
PATH = f"/v2/{REPOSITORY}"
SHA = "sha256:" + "0" * 64
NEEDED_PERMISSIONS = (
    "You don't have the needed permissions to perform this operation, and you may have invalid "
    "credentials. To authenticate your request, follow the steps in: "
    "https://cloud.google.com/container-registry/docs/advanced-authentication"
)
BAD_DIGEST = "invalid digest {!r}: expected sha256:<64 hex> or sha512:<128 hex>"


def manifest(**changes):
    document = {
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "config": descriptor(),
        "layers": [],
        **changes,
    }
    return json.dumps({key: value for key, value in document.items() if value is not None}).encode()


def descriptor(**changes):
    return {"mediaType": "application/octet-stream", "digest": SHA, "size": 0, **changes}


NESTED = b'{"a":' + b"[" * 100_000 + b"]" * 100_000 + b"}"

NAME_FORM = ": expected at most 255 lower-case letters and digits, with single . _ - / between them"
# id: (method, path, status, code, message)
REQUESTS = {
    "digest too short": (
        "GET",
        f"{PATH}/blobs/sha256:abc",
        400,
        "DIGEST_INVALID",
        BAD_DIGEST.format("sha256:abc"),
    ),
    "digest in upper case": (
        "GET",
        f"{PATH}/blobs/sha256:{'A' * 64}",
        400,
        "DIGEST_INVALID",
        BAD_DIGEST.format(f"sha256:{'A' * 64}"),
    ),
    "digest of an unknown algorithm": (
        "GET",
        f"{PATH}/blobs/md5:00",
        400,
        "DIGEST_INVALID",
        BAD_DIGEST.format("md5:00"),
    ),
    "digest with a slash": ("GET", f"{PATH}/blobs/..%2fx", 400, "DIGEST_INVALID", BAD_DIGEST.format("../x")),
    "blob that is not there": (
        "GET",
        f"{PATH}/blobs/{SHA}",
        404,
        "BLOB_UNKNOWN",
        f"blob unknown to this repository: {SHA}",
    ),
    "mount of no digest": (
        "POST",
        f"{PATH}/blobs/uploads/?mount=x",
        400,
        "DIGEST_INVALID",
        BAD_DIGEST.format("x"),
    ),
    "tag of 129 characters": (
        "GET",
        f"{PATH}/manifests/{'t' * 129}",
        404,
        "MANIFEST_UNKNOWN",
        f'Invalid manifest reference "{"t" * 129}"',
    ),
    "tag that begins with a dot": (
        "GET",
        f"{PATH}/manifests/.v1",
        404,
        "MANIFEST_UNKNOWN",
        'Invalid manifest reference ".v1"',
    ),
    "tag with a NUL": (
        "GET",
        f"{PATH}/manifests/a%00",
        404,
        "MANIFEST_UNKNOWN",
        'Invalid manifest reference "a\0"',
    ),
    "manifest by a bad digest": (
        "GET",
        f"{PATH}/manifests/sha256:1",
        404,
        "MANIFEST_UNKNOWN",
        'Invalid manifest reference "sha256:1"',
    ),
    "name in upper case": (
        "GET",
        "/v2/my-project/App/tags/list",
        400,
        "NAME_INVALID",
        f"invalid repository name 'my-project/App'{NAME_FORM}",
    ),
    "name with dots": (
        "GET",
        "/v2/my-project/..%2F../tags/list",
        400,
        "NAME_INVALID",
        f"invalid repository name 'my-project/..%2F..'{NAME_FORM}",
    ),
    "name of a project alone": (
        "GET",
        "/v2/my-project/manifests/v1",
        400,
        "NAME_INVALID",
        "invalid repository name 'my-project': expected PROJECT/IMAGE",
    ),
    "page size in words": (
        "GET",
        f"{PATH}/tags/list?n=ten",
        400,
        "PAGINATION_NUMBER_INVALID",
        "n is not a number of entries: 'ten'",
    ),
    "page size below zero": (
        "GET",
        f"{PATH}/tags/list?n=-1",
        400,
        "PAGINATION_NUMBER_INVALID",
        "n is not a number of entries: '-1'",
    ),
    "upload that never was": (
        "PATCH",
        f"{PATH}/blobs/uploads/{'0' * 32}",
        404,
        "BLOB_UPLOAD_UNKNOWN",
        "unknown upload: use the Location of the last response, or start a new upload",
    ),
    "resource that no registry has": (
        "GET",
        "/v2/my-project/app",
        404,
        "UNSUPPORTED",
        "this registry has no GET /v2/my-project/app",
    ),
}

# id: (body, media type, status, code, message)
MANIFESTS = {
    "not JSON": (
        b"{",
        OCI_MANIFEST,
        "the document is not JSON: "
        "Expecting property name enclosed in double quotes: line 1 column 2 (char 1)",
    ),
    "not UTF-8": (
        b"\xff",
        OCI_MANIFEST,
        "the document is not JSON: 'utf-8' codec can't decode byte 0xff in position 0: invalid start byte",
    ),
    "a list": (b"[]", OCI_MANIFEST, "the document is not a JSON object"),
    "nested too deeply": (
        NESTED,
        OCI_MANIFEST,
        "the document is not JSON: it is nested more than 100 levels deep",
    ),
    "a key twice": (
        b'{"schemaVersion":2,"schemaVersion":2}',
        OCI_MANIFEST,
        "the document is not JSON: a key stands twice in one object",
    ),
    "NaN": (b'{"schemaVersion":NaN}', OCI_MANIFEST, "the document is not JSON: NaN is not JSON"),
    "schema 1": (manifest(schemaVersion=1), OCI_MANIFEST, "schemaVersion is not 2"),
    "unknown media type": (manifest(), "text/html", "unsupported manifest media type 'text/html'"),
    "no media type": (manifest(mediaType=None), "", "unsupported manifest media type ''"),
    "another media type": (
        manifest(mediaType=OCI_INDEX),
        OCI_MANIFEST,
        f"the document's mediaType is not its Content-Type {OCI_MANIFEST!r}",
    ),
    "manifest and index": (
        manifest(manifests=[]),
        OCI_MANIFEST,
        "the document is both a manifest and an index",
    ),
    "no config": (manifest(config=None), OCI_MANIFEST, "config is not a descriptor"),
    "layers that are no list": (manifest(layers={}), OCI_MANIFEST, "layers is not a list"),
    "layer without size": (manifest(layers=[descriptor(size=None)]), OCI_MANIFEST, "layers[0] has no size"),
    "layer of a negative size": (
        manifest(layers=[descriptor(size=-1)]),
        OCI_MANIFEST,
        "layers[0] has no size",
    ),
    "E-Z24-sizes of more than 64 bits together": (
        manifest(layers=[descriptor(size=2**62), descriptor(size=2**62)]),
        OCI_MANIFEST,
        "the sizes of the config and the layers exceed 64 bits",
    ),
    "E-Z24-size of 400 digits": (
        manifest(layers=[descriptor(size=10**400)]),
        OCI_MANIFEST,
        "layers[0] has no size",
    ),
    "E-Z23-artifactType of a lone surrogate": (
        manifest(artifactType="\ud800"),
        OCI_MANIFEST,
        "the document is not JSON: a string holds a lone surrogate or NUL",
    ),
    "layer with a bad digest": (
        manifest(layers=[descriptor(digest="x")]),
        OCI_MANIFEST,
        "layers[0]: " + BAD_DIGEST.format("x"),
    ),
}

# id: (scopes, status, code, message)
SCOPES = {
    "empty": ([""], "invalid scope ''"),
    "without actions": (["repository:my-project/app"], "invalid scope 'repository:my-project/app'"),
    "of an unknown type": (["image:my-project/app:pull"], "invalid scope 'image:my-project/app:pull'"),
    "too many": (["repository:my-project/app:pull"] * 17, "more than 16 scopes"),
}


def basic(user, password):
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


CREDENTIALS = {
    "unknown user": basic("unknown", "x"),
    "garbage token": basic("_token", "garbage"),
    "token that looks like ours": basic("oauth2accesstoken", "ya29.e30.e30.e30"),
    "key that is not JSON": basic("_json_key", "{"),
    "key of another kind": basic("_json_key", '{"type":"authorized_user"}'),
    "key that is not base64": basic("_json_key_base64", "***"),
    "no colon": "Basic " + base64.b64encode(b"user").decode(),
    "not base64": "Basic ***",
    "another scheme": "Digest x",
    "bearer garbage": "Bearer garbage",
    "token of 40 KiB": "Bearer " + "A" * 40_000,
}


def whole(answer):
    return answer.status_code, answer.headers["Content-Type"], answer.json()


def refusal(status, code, message):
    return status, "application/json", {"errors": [{"code": code, "message": message}]}


@pytest.mark.parametrize(("method", "path", "status", "code", "message"), REQUESTS.values(), ids=REQUESTS)
def test_request(editor, method, path, status, code, message):
    editor.push_blob(REPOSITORY, b"something")
    answer = editor.session.request(method, editor.url + path, auth=editor.auth)
    assert whole(answer) == refusal(status, code, message)


@pytest.mark.parametrize(("body", "media_type", "message"), MANIFESTS.values(), ids=MANIFESTS)
def test_manifest(editor, body, media_type, message):
    answer = editor.put_manifest(REPOSITORY, "v1", body, media_type)
    status, content_type, document = whole(answer)
    (error,) = document["errors"]
    assert (status, content_type, error["code"]) == (400, "application/json", "MANIFEST_INVALID")
    assert error["message"] == message


@pytest.mark.parametrize(("scopes", "message"), SCOPES.values(), ids=SCOPES)
def test_scope(editor, scopes, message):
    assert whole(editor.ask_token(*scopes)) == refusal(400, "UNSUPPORTED", message)


@pytest.mark.parametrize("authorization", CREDENTIALS.values(), ids=CREDENTIALS)
def test_credential_at_the_token_endpoint(anonymous, authorization):
    answer = anonymous.session.get(f"{anonymous.url}/v2/token", headers={"Authorization": authorization})
    assert whole(answer) == refusal(401, "UNAUTHORIZED", NEEDED_PERMISSIONS)


@pytest.mark.parametrize("authorization", CREDENTIALS.values(), ids=CREDENTIALS)
def test_credential_at_a_repository(anonymous, authorization):
    answer = anonymous.session.get(
        f"{anonymous.url}{PATH}/tags/list", headers={"Authorization": authorization}
    )
    assert whole(answer) == refusal(401, "UNAUTHORIZED", "Unauthorized access.")
    assert answer.headers["WWW-Authenticate"].startswith("Bearer realm=")


@pytest.mark.parametrize(
    "head",
    [
        "",
        "Host: a\r\nHost: b\r\n",
        'Host: a"b\r\n',
        "Host: a b\r\n",
        "Host: gcr.io:port\r\n",
    ],
    ids=["none", "two", "quote", "blank", "port"],
)
def test_host_that_could_break_a_challenge(gcr_emulator, head):
    with socket.create_connection(("127.0.0.1", int(gcr_emulator.registry.rpartition(":")[2]))) as connection:
        connection.sendall(f"GET /v2/ HTTP/1.1\r\n{head}Connection: close\r\n\r\n".encode())
        answer = b"".join(iter(lambda: connection.recv(4096), b""))
    status, _, rest = answer.partition(b"\r\n")
    body = rest.partition(b"\r\n\r\n")[2]
    assert status == b"HTTP/1.1 400 Bad Request"
    expected = {"error": {"code": 400, "message": "a request needs one Host header that names a host"}}
    assert json.loads(body) == expected
