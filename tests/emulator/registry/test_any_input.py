"""Any input: the registry answers any bytes in its own form and never with 500; HEAD is GET."""

import http.client
import json
from contextlib import closing

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

REPOSITORY = "my-project/app"
SHA = "sha256:" + "0" * 64

words = st.one_of(
    st.sampled_from(
        [REPOSITORY, "my-project", "v1", SHA, "sha512:1", "uploads", "..", "%2e%2e", "%00", "", "list"]
    ),
    st.text(st.characters(min_codepoint=33, max_codepoint=126, exclude_characters="#?"), max_size=12),
    st.binary(max_size=6).map(lambda data: "".join(f"%{byte:02x}" for byte in data)),
)
paths = st.one_of(
    st.builds("/v2/{}/blobs/{}".format, words, words),
    st.builds("/v2/{}/blobs/uploads/{}".format, words, words),
    st.builds("/v2/{}/manifests/{}".format, words, words),
    st.builds("/v2/{}/{}/list".format, words, st.sampled_from(["tags", "referrers"])),
    st.builds("/v2/{}/referrers/{}".format, words, words),
    st.builds("/v2/{}".format, words),
)
names = st.sampled_from(
    ["n", "last", "mount", "from", "digest", "tag", "scope", "service", "account", "artifactType", "x"]
)
queries = st.lists(st.tuples(names, words), max_size=4).map(
    lambda pairs: "&".join(f"{name}={value.replace('&', '')}" for name, value in pairs)
)
headers = st.dictionaries(
    st.sampled_from(
        ["Accept", "Range", "If-Range", "If-None-Match", "Content-Range", "Content-Type", "X-Forwarded-For"]
    ),
    st.one_of(
        st.sampled_from(
            ["*/*", "bytes=0-", "bytes=9-1", "0-3", "application/vnd.oci.image.manifest.v1+json"]
        ),
        st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=12).map(str.strip),
    ),
    max_size=3,
)
bodies = st.one_of(
    st.just(b""), st.binary(max_size=40), st.sampled_from([b"{}", b"[]", b'{"schemaVersion":2}'])
)
methods = st.sampled_from(["GET", "HEAD", "PUT", "POST", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND"])


@pytest.fixture
def send(gcr_emulator, editor):
    """Sends one request as an editor; returns status, headers and body."""
    token = editor.token(f"repository:{REPOSITORY}:pull,push,delete")
    editor.push_image(REPOSITORY, "v1", b"layer")
    host, _, port = gcr_emulator.registry.partition(":")

    def make(method, url, body=b"", headers=None):
        # One connection each, because the server ends it if a body was not read.
        with closing(http.client.HTTPConnection(host, int(port), timeout=30)) as connection:
            connection.request(method, url, body, {"Authorization": f"Bearer {token}", **(headers or {})})
            answer = connection.getresponse()
            return answer.status, answer.headers, answer.read()

    return make


@settings(deadline=None, max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(methods, paths, queries, headers, bodies)
def test_any_request_is_answered_and_refused_in_the_specifications_form(
    send, method, path, query, headers, body
):
    status, answered, content = send(method, f"{path}?{query}", body, headers)
    assert status < 500
    if status >= 400 and method != "HEAD" and answered["Server"] == "Docker Registry":
        (error,) = json.loads(content)["errors"]
        assert set(error) == {"code", "message"}
        assert error["code"].isupper()


def paths_of_every_get(editor):
    digest = editor.push_image(REPOSITORY, "v1", b"layer")
    blob = editor.push_blob(REPOSITORY, b"x" * 100_000)["digest"]
    repository = f"/v2/{REPOSITORY}"
    return [
        "/v2/",
        "/v2/_catalog",
        f"/v2/token?scope=repository:{REPOSITORY}:pull",
        f"{repository}/blobs/{blob}",
        f"{repository}/blobs/{SHA}",
        f"{repository}/manifests/v1",
        f"{repository}/manifests/{digest}",
        f"{repository}/manifests/none",
        f"{repository}/tags/list",
        f"{repository}/referrers/{digest}",
        "/v2/nothing",
    ]


def test_head_is_get_without_the_body_on_every_route(gcr_emulator, editor):
    # A fixed clock, so that two bodies have the same instant.
    gcr_emulator.clock.set(1_800_000_000)
    for path in paths_of_every_get(editor):
        answers = []
        for method in ("GET", "HEAD"):
            answer = editor.session.request(method, f"{editor.url}{path}", auth=editor.auth)
            # The signature of a token, and its length, can differ each time.
            left_out = {"date", "x-request-id", "content-length" if path.startswith("/v2/token") else "date"}
            shown = {name: value for name, value in answer.headers.items() if name not in left_out}
            answers.append((answer.status_code, shown))
        assert answers[0] == answers[1], path
        assert answer.content == b"", path
