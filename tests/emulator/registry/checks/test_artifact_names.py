"""Checks 29 to 31 of Artifact Registry: names without an image, and unknown tags."""

import pytest
from support.images import digest_of

DIGEST = digest_of(b"absent")
MISSING_IMAGE = (
    "Missing image name. Pushes should be of the form docker push HOST-NAME/PROJECT-ID/REPOSITORY/IMAGE"
)


def told(answer):
    (error,) = answer.json()["errors"]
    return answer.status_code, error["code"], error["message"]


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/v2/foo/manifests/x"),
        ("PUT", "/v2/foo/manifests/x"),
        ("DELETE", "/v2/foo/manifests/x"),
        ("GET", f"/v2/foo/blobs/{DIGEST}"),
        ("POST", "/v2/foo/blobs/uploads/"),
        ("GET", "/v2/foo/tags/list"),
    ],
)
def test_a29_one_component_is_no_name(guest, method, path):
    answer = guest.call(method, path)

    assert told(answer) == (400, "NAME_INVALID", "invalid number of path components: 1")
    assert "WWW-Authenticate" not in answer.headers


@pytest.mark.parametrize("name", ["my-project/r", "no-project/none", "example.com/my-project/r"])
@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "blobs/uploads/"),
        ("PATCH", "blobs/uploads/x"),
        ("PUT", "blobs/uploads/x"),
        ("PUT", "manifests/v1"),
    ],
)
def test_a30_a_push_needs_an_image(guest, name, method, path):
    answer = guest.call(method, f"/v2/{name}/{path}")

    body = f'{{"errors":[{{"code":"NAME_INVALID","message":"{MISSING_IMAGE}"}}]}}\n'
    assert (answer.status_code, answer.content) == (400, body.encode())


def test_a30_the_token_endpoint_says_it_with_an_example(artifacts):
    answer = artifacts.ask_token("repository:my-project/r:push,pull")

    text = (
        "invalid repository name 'my-project/r': expected PROJECT/REPOSITORY/IMAGE, "
        "such as us-docker.pkg.dev/my-project/r/app:1"
    )
    assert told(answer)[:2] == (403, "DENIED")
    assert told(answer)[2].startswith(text.partition(", such")[0])


@pytest.mark.parametrize("reference", ["nope", DIGEST])
@pytest.mark.parametrize("name", ["my-project/r/app", "my-project/r"])
def test_a31_an_unknown_manifest_is_not_found_by_its_reference_alone(artifacts, name, reference):
    artifacts.push_image("my-project/r/app", "v1", b"layer")

    answer = artifacts.call("GET", f"/v2/{name}/manifests/{reference}", token=artifacts.token())

    assert told(answer) == (404, "MANIFEST_UNKNOWN", f'Failed to fetch "{reference}"')
