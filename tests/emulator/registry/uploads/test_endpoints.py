"""Uploads: bytes arrive, continue after an interruption, and become visible."""

import socket

import pytest
from support.images import digest_of

SMALL = b"few bytes"
# Larger than a row may be, and than one block of a write.
LARGE = bytes(range(256)) * 4096 + b"end"
REPOSITORY = "my-project/app"
UPLOADS = f"/v2/{REPOSITORY}/blobs/uploads/"


def error_of(answer):
    (error,) = answer.json()["errors"]
    return answer.status_code, error["code"]


@pytest.fixture
def token(editor):
    return editor.token(f"repository:{REPOSITORY}:pull,push,delete")


@pytest.fixture
def call(editor, token):
    def make(method, path, **options):
        return editor.call(method, path, token=token, **options)

    return make


def pull(call, digest):
    answer = call("GET", f"/v2/{REPOSITORY}/blobs/{digest}")
    return answer.status_code, answer.content


@pytest.mark.parametrize("data", [b"", SMALL, LARGE], ids=["empty", "small", "large"])
@pytest.mark.parametrize("algorithm", ["sha256", "sha512"])
def test_blob_pulls_as_it_was_pushed(call, data, algorithm):
    digest = digest_of(data, algorithm)
    location = call("POST", UPLOADS).headers["Location"]
    location = call("PATCH", location, data=data).headers["Location"]
    ended = call("PUT", f"{location}?digest={digest}")
    assert (ended.status_code, ended.headers["Docker-Content-Digest"]) == (201, digest)
    assert ended.headers["Location"] == f"/v2/{REPOSITORY}/blobs/{digest}"
    assert pull(call, digest) == (200, data)
    head = call("HEAD", f"/v2/{REPOSITORY}/blobs/{digest}")
    assert (head.status_code, head.headers["Content-Length"]) == (200, str(len(data)))


@pytest.mark.parametrize("data", [SMALL, LARGE], ids=["small", "large"])
def test_monolithic_uploads_take_one_request_or_two(call, data):
    digest = digest_of(data)
    assert call("POST", f"{UPLOADS}?digest={digest}", data=data).status_code == 201
    assert pull(call, digest) == (200, data)
    other = data + b"!"
    location = call("POST", UPLOADS).headers["Location"]
    assert call("PUT", f"{location}?digest={digest_of(other)}", data=other).status_code == 201
    assert pull(call, digest_of(other)) == (200, other)


def test_chunks_grow_from_a_row_into_a_file(call):
    chunks = [b"a" * 1000, b"b" * 70_000, b"c" * 1_000_000, b"d"]
    location, sent = call("POST", UPLOADS).headers["Location"], 0
    for chunk in chunks:
        content_range = f"{sent}-{sent + len(chunk) - 1}"
        answer = call("PATCH", location, data=chunk, headers={"Content-Range": content_range})
        sent += len(chunk)
        assert (answer.status_code, answer.headers["Range"]) == (202, f"0-{sent - 1}")
        location = answer.headers["Location"]
    whole = b"".join(chunks)
    assert call("PUT", f"{location}?digest={digest_of(whole)}").status_code == 201
    assert pull(call, digest_of(whole)) == (200, whole)


def test_a_location_is_good_for_one_request(call):
    first = call("POST", UPLOADS).headers["Location"]
    second = call("PATCH", first, data=SMALL).headers["Location"]
    assert first != second
    assert error_of(call("PATCH", first, data=SMALL)) == (404, "BLOB_UPLOAD_UNKNOWN")
    assert call("GET", second).headers["Range"] == f"0-{len(SMALL) - 1}"


@pytest.mark.parametrize("data", [SMALL, LARGE], ids=["small", "large"])
def test_each_earlier_location_is_good_for_nothing_while_the_upload_lives(call, data):
    earlier = [call("POST", UPLOADS).headers["Location"]]
    for _ in range(2):
        earlier.append(call("PATCH", earlier[-1], data=data).headers["Location"])
    current = earlier.pop()
    for location in earlier:
        url = f"{location}?digest={digest_of(data)}"
        for method in ("GET", "PATCH", "PUT", "DELETE"):
            assert error_of(call(method, url, data=data)) == (404, "BLOB_UPLOAD_UNKNOWN"), (location, method)
    assert call("PUT", f"{current}?digest={digest_of(data + data)}").status_code == 201
    assert error_of(call("GET", current)) == (404, "BLOB_UPLOAD_UNKNOWN")


def test_no_location_that_was_not_given_is_good_for_anything(call):
    location = call("PATCH", call("POST", UPLOADS).headers["Location"], data=SMALL).headers["Location"]
    start, _, number = location.rpartition("-")
    ends = ("", "-", "-0", "-01", "-2", "-1-", "--1", f"-{number}x", f"-{'9' * 40}", f"-0-{'0' * 32}")
    for url in (*(start + end for end in ends), f"{UPLOADS}x", f"{UPLOADS}{'0' * 32}-1"):
        assert error_of(call("PATCH", url, data=SMALL)) == (404, "BLOB_UPLOAD_UNKNOWN"), url
    assert call("GET", location).status_code == 204


def test_the_first_location_is_good_at_its_own_repository_alone(editor):
    scope = [f"repository:my-project/{name}:pull,push" for name in ("app", "other")]
    token = editor.token(*scope)
    location = editor.call("POST", UPLOADS, token=token).headers["Location"]
    editor.call("POST", "/v2/my-project/other/blobs/uploads/", token=token)
    elsewhere = location.replace("/app/", "/other/")
    forged = location[:-1] + ("0" if location[-1] != "0" else "1")
    for url in (elsewhere, forged):
        answer = editor.call("PATCH", url, token=token, data=SMALL)
        assert error_of(answer) == (404, "BLOB_UPLOAD_UNKNOWN"), url
    assert editor.call("PATCH", location, token=token, data=SMALL).status_code == 202


def test_a_large_chunk_that_breaks_off_at_the_first_location_may_be_sent_again(gcr_emulator, call, token):
    location = call("POST", UPLOADS).headers["Location"]
    head = f"PATCH {location} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token}\r\n"
    with socket.create_connection(("127.0.0.1", int(gcr_emulator.registry.rpartition(":")[2]))) as connection:
        connection.sendall(f"{head}Content-Length: 2000000\r\n\r\n".encode() + bytes(100_000))
        connection.shutdown(socket.SHUT_WR)
        assert connection.recv(12) == b"HTTP/1.1 400"
    answer = call("PATCH", location, data=LARGE)
    assert (answer.status_code, answer.headers["Range"]) == (202, f"0-{len(LARGE) - 1}")


def test_chunk_out_of_order_is_refused_with_the_received_range(call):
    location = call("POST", UPLOADS).headers["Location"]
    location = call("PATCH", location, data=SMALL).headers["Location"]
    answer = call("PATCH", location, data=SMALL, headers={"Content-Range": "20-28"})
    assert error_of(answer) == (416, "BLOB_UPLOAD_INVALID")
    assert answer.headers["Range"] == f"0-{len(SMALL) - 1}"
    assert answer.headers["Location"] == location


@pytest.mark.parametrize("content_range", ["nonsense", "5-2", "0-99"])
def test_chunk_that_is_not_what_it_announces_is_refused(call, content_range):
    location = call("POST", UPLOADS).headers["Location"]
    answer = call("PATCH", location, data=SMALL, headers={"Content-Range": content_range})
    assert error_of(answer) == (400, "BLOB_UPLOAD_INVALID")


@pytest.mark.parametrize("data", [SMALL, LARGE], ids=["small", "large"])
def test_wrong_digest_leaves_no_blob_and_no_upload(call, data):
    location = call("POST", UPLOADS).headers["Location"]
    answer = call("PUT", f"{location}?digest={digest_of(b'other')}", data=data)
    assert error_of(answer) == (400, "DIGEST_INVALID")
    for digest in (digest_of(b"other"), digest_of(data)):
        assert pull(call, digest)[0] == 404
    assert error_of(call("GET", location)) == (404, "BLOB_UPLOAD_UNKNOWN")


def test_cancelled_upload_is_gone(call):
    location = call("POST", UPLOADS).headers["Location"]
    assert call("DELETE", location).status_code == 204
    assert error_of(call("PATCH", location, data=SMALL)) == (404, "BLOB_UPLOAD_UNKNOWN")


def test_another_accounts_upload_is_unknown(call, connect):
    location = call("POST", UPLOADS).headers["Location"]
    other = connect("roles/editor", account="other")
    token = other.token(f"repository:{REPOSITORY}:pull,push")
    for method in ("GET", "PATCH", "PUT", "DELETE"):
        url = f"{location}?digest={digest_of(SMALL)}"
        assert error_of(other.call(method, url, token=token)) == (404, "BLOB_UPLOAD_UNKNOWN"), method


@pytest.mark.parametrize("framing", ["Content-Length: 2000000", "Transfer-Encoding: chunked"])
def test_interrupted_chunk_does_not_count_and_the_upload_continues(gcr_emulator, call, token, framing):
    location = call("POST", UPLOADS).headers["Location"]
    location = call("PATCH", location, data=LARGE).headers["Location"]
    port = int(gcr_emulator.registry.rpartition(":")[2])
    lines = [f"PATCH {location} HTTP/1.1", "Host: localhost", f"Authorization: Bearer {token}", framing]
    head = "\r\n".join([*lines, "", ""])
    part = b"x" * 1_000_000
    body = b"%x\r\n%s\r\n" % (len(part), part) if "chunked" in framing else part
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.sendall(head.encode() + body)
        connection.shutdown(socket.SHUT_WR)
        assert connection.recv(12) == b"HTTP/1.1 400"
    assert call("GET", location).headers["Range"] == f"0-{len(LARGE) - 1}"
    whole = LARGE + SMALL
    answer = call("PUT", f"{location}?digest={digest_of(whole)}", data=SMALL)
    assert answer.status_code == 201
    assert pull(call, digest_of(whole)) == (200, whole)


SOURCE = "my-project/source"
TO_PUSH = f"repository:{REPOSITORY}:pull,push"


@pytest.mark.parametrize("algorithm", ["sha256", "sha512"])
def test_mount_links_a_blob_that_the_client_may_pull(editor, algorithm):
    digest = digest_of(LARGE, algorithm)
    token = editor.token(TO_PUSH, f"repository:{SOURCE}:pull,push")
    path = f"/v2/{SOURCE}/blobs/uploads/?digest={digest}"
    assert editor.call("POST", path, token=token, data=LARGE).status_code == 201
    mounted = editor.call("POST", f"{UPLOADS}?mount={digest}&from={SOURCE}", token=token)
    assert (mounted.status_code, mounted.headers["Docker-Content-Digest"]) == (201, digest)
    assert editor.get(f"/v2/{REPOSITORY}/blobs/{digest}").content == LARGE


@pytest.mark.parametrize(
    ("source", "scopes", "status"),
    [
        (SOURCE, [TO_PUSH], 202),
        (SOURCE, [TO_PUSH, f"repository:{SOURCE}:push"], 202),
        (SOURCE, [TO_PUSH, "repository:my-project:pull"], 202),
        (SOURCE, [TO_PUSH, f"repository:{SOURCE}/sub:pull"], 202),
        (SOURCE, [TO_PUSH, f"repository:{SOURCE}:pull"], 201),
        (SOURCE, [f"{TO_PUSH} repository:{SOURCE}:pull"], 201),
        (None, [TO_PUSH, f"repository:{SOURCE}:pull"], 202),
    ],
)
def test_d_z21_a_token_mounts_what_it_pulls_and_anything_else_is_an_upload(editor, source, scopes, status):
    """Mounts without `from`: the source is the repository itself."""
    blob = editor.push_blob(SOURCE, SMALL)["digest"]
    token = editor.token(*scopes)
    asked = f"{UPLOADS}?mount={blob}" + (f"&from={source}" if source else "")

    answer = editor.call("POST", asked, token=token)

    linked = editor.get(f"/v2/{REPOSITORY}/blobs/{blob}")
    assert (answer.status_code, linked.status_code) == (status, 200 if status == 201 else 404)
    if status == 202:
        ended = editor.call("PUT", f"{answer.headers['Location']}?digest={blob}", token=token, data=SMALL)
        assert ended.status_code == 201
        assert editor.call("POST", f"{UPLOADS}?mount={blob}", token=token).status_code == 201


def test_d_z21_a_credential_without_scopes_mounts_what_its_roles_let_it_pull(editor):
    blob = editor.push_blob(SOURCE, SMALL)["digest"]
    url = f"{editor.url}{UPLOADS}?mount={blob}&from={SOURCE}"

    assert editor.session.post(url, auth=editor.auth, timeout=30).status_code == 201


@pytest.mark.parametrize(
    "source",
    ["my-project/none", "no-such-project/app", "other-project/source", "eu.gcr.io/my-project/a", "BAD", ""],
)
def test_mount_of_what_is_not_there_begins_an_upload(connect, editor, source):
    blob = connect(project="other-project", account="other").push_blob("other-project/source", SMALL)
    url = f"{editor.url}{UPLOADS}?mount={blob['digest']}&from={source}"
    answer = editor.session.post(url, auth=editor.auth, timeout=30)
    assert answer.status_code == 202
    assert "/blobs/uploads/" in answer.headers["Location"]


def test_blob_that_its_repository_has_dropped_cannot_be_mounted(editor):
    blob = editor.push_blob("my-project/source", SMALL)
    editor.delete(f"/v2/my-project/source/blobs/{blob['digest']}", repository="my-project/source")
    token = editor.token(TO_PUSH, f"repository:{SOURCE}:pull")
    path = f"{UPLOADS}?mount={blob['digest']}&from={SOURCE}"
    assert editor.call("POST", path, token=token).status_code == 202


def test_blob_of_another_repository_is_unknown(editor, call):
    blob = editor.push_blob("my-project/source", LARGE)
    for method in ("GET", "HEAD"):
        assert call(method, f"/v2/{REPOSITORY}/blobs/{blob['digest']}").status_code == 404


def test_deleted_blob_is_gone_here_and_stays_elsewhere(editor, call):
    for repository in (REPOSITORY, "my-project/other"):
        blob = editor.push_blob(repository, SMALL)
    assert call("DELETE", f"/v2/{REPOSITORY}/blobs/{blob['digest']}").status_code == 202
    assert pull(call, blob["digest"])[0] == 404
    there = editor.get(f"/v2/my-project/other/blobs/{blob['digest']}", repository="my-project/other")
    assert there.content == SMALL


@pytest.mark.parametrize("data", [bytes(range(100)), bytes(range(256)) * 2500], ids=["row", "file"])
def test_every_range_is_those_bytes(editor, call, data):
    size = len(data)
    blob = editor.push_blob(REPOSITORY, data)
    path = f"/v2/{REPOSITORY}/blobs/{blob['digest']}"
    ranges = [(0, 0), (0, size - 1), (1, 50), (size - 1, size - 1), (size // 2, size - 2)]
    for first, last in ranges:
        answer = call("GET", path, headers={"Range": f"bytes={first}-{last}"})
        assert (answer.status_code, answer.content) == (206, data[first : last + 1])
        assert answer.headers["Content-Range"] == f"bytes {first}-{last}/{size}"
    assert call("GET", path, headers={"Range": f"bytes={size - 7}-"}).content == data[-7:]
    assert call("GET", path, headers={"Range": "bytes=-7"}).content == data[-7:]
    beyond = call("GET", path, headers={"Range": f"bytes={size}-"})
    assert (beyond.status_code, beyond.headers["Content-Range"]) == (416, f"bytes */{size}")


def test_bytes_that_the_client_has_are_not_sent_again(editor, call):
    blob = editor.push_blob(REPOSITORY, LARGE)
    path = f"/v2/{REPOSITORY}/blobs/{blob['digest']}"
    etag = call("GET", path).headers["ETag"]
    assert etag == f'"{blob["digest"]}"'
    for names in (etag, f'W/"x", {etag}', "*"):
        answer = call("GET", path, headers={"If-None-Match": names})
        assert (answer.status_code, answer.content, answer.headers["ETag"]) == (304, b"", etag)
    assert call("GET", path, headers={"If-None-Match": '"other"'}).content == LARGE
    part = call("GET", path, headers={"Range": "bytes=0-3", "If-Range": etag})
    assert (part.status_code, part.content) == (206, LARGE[:4])
    whole = call("GET", path, headers={"Range": "bytes=0-3", "If-Range": '"other"'})
    assert (whole.status_code, whole.content) == (200, LARGE)
