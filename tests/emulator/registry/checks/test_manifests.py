"""Checks 31 to 38 and 46 of Container Registry: manifests, stored as pushed and served as accepted."""

import json

import pytest
from support.images import DOCKER_CONFIG, DOCKER_LIST, DOCKER_MANIFEST, OCI_INDEX, OCI_MANIFEST, digest_of

APP = "my-project/app"
PULL, PUSH = f"repository:{APP}:pull", f"repository:{APP}:push,pull"
MANIFESTS = f"/v2/{APP}/manifests"
# The first Accept header that gcloud tries when it describes an image.
LISTS = f"{OCI_INDEX},{DOCKER_LIST}"
# With type, length and digest, all headers of a manifest.
COMMON = {
    "docker-distribution-api-version": "registry/2.0",
    "server": "Docker Registry",
    "x-xss-protection": "0",
    "x-frame-options": "SAMEORIGIN",
}


def refusal(answer):
    (error,) = answer.json()["errors"]
    return answer.status_code, error["code"], error["message"]


def unaccepted(kind, reference, media_type, accept):
    described = f"Manifest with {kind} '{reference}' has media type '{media_type}'"
    return 404, "MANIFEST_UNKNOWN", f"{described}, but client accepts '{accept}'."


@pytest.fixture
def config(editor):
    """Pushes a config; returns its descriptor."""
    return editor.push_blob(APP, b"{}", DOCKER_CONFIG)


@pytest.fixture
def call(registry, account):
    """Sends a request with a token for the repository."""
    token = registry.token(PUSH, auth=account.basic)

    def make(method, reference, *, accept=None, **options):
        # With None, requests sends no Accept header; without it, `Accept: */*`.
        headers = {"Accept": accept, **options.pop("headers", {})}
        return registry.call(method, f"{MANIFESTS}/{reference}", token=token, headers=headers, **options)

    return make


@pytest.fixture
def push(call, config):
    """Pushes an image's manifest of a type as v1; returns its bytes."""

    def make(media_type, reference="v1", **fields):
        document = {"schemaVersion": 2, "mediaType": media_type, "config": config, "layers": [], **fields}
        data = json.dumps(document, indent=3).encode()
        answer = call("PUT", reference, data=data, headers={"Content-Type": media_type})
        assert answer.status_code == 201, answer.text
        return data

    return make


@pytest.mark.parametrize("media_type", [DOCKER_MANIFEST, OCI_MANIFEST])
def test_check_31_a_manifest_comes_back_byte_for_byte_by_its_digest(call, config, media_type):
    document = {"schemaVersion": 2, "mediaType": media_type, "config": config, "layers": [], "x": " \u00e9"}
    data = json.dumps(document, indent=3).encode() + b"\n\n"
    pushed = call("PUT", "v1", data=data, headers={"Content-Type": media_type})
    named = {"Docker-Content-Digest": digest_of(data), "Location": f"{MANIFESTS}/{digest_of(data)}"}
    assert (pushed.status_code, {name: pushed.headers[name] for name in named}) == (201, named)
    for reference in ("v1", digest_of(data)):
        pulled = call("GET", reference)
        shown = {
            **COMMON,
            "content-type": media_type,
            "docker-content-digest": digest_of(data),
            "content-length": str(len(data)),
        }
        own = {"date", "x-request-id"}
        told = {name.lower(): value for name, value in pulled.headers.items() if name.lower() not in own}
        assert (pulled.status_code, pulled.content, told) == (200, data, shown)


def test_check_32_head_is_get_without_the_body(call, push):
    data = push(DOCKER_MANIFEST)
    head = call("HEAD", "v1")
    shown = {
        "Content-Length": str(len(data)),
        "Content-Type": DOCKER_MANIFEST,
        "Docker-Content-Digest": digest_of(data),
    }
    assert (head.status_code, head.content, {name: head.headers[name] for name in shown}) == (200, b"", shown)


def test_check_33_an_unknown_tag_is_not_found_in_googles_words(call, push):
    push(DOCKER_MANIFEST)
    message = f'Failed to fetch "none" from request "{MANIFESTS}/none".'
    assert refusal(call("GET", "none")) == (404, "MANIFEST_UNKNOWN", message)
    assert call("HEAD", "none").status_code == 404


def test_check_34_an_image_is_not_found_by_who_accepts_lists_alone(call, push):
    data = push(DOCKER_MANIFEST)
    assert refusal(call("GET", "v1", accept=LISTS)) == unaccepted("tag", "v1", DOCKER_MANIFEST, LISTS)
    by_digest = refusal(call("GET", digest_of(data), accept=LISTS))
    assert by_digest == unaccepted("digest", digest_of(data), DOCKER_MANIFEST, LISTS)
    # gcloud tries its next type.
    described = call("GET", "v1", accept=f"{OCI_MANIFEST},{DOCKER_MANIFEST}")
    assert (described.status_code, described.content) == (200, data)


@pytest.mark.parametrize("accept", [DOCKER_MANIFEST, f"{DOCKER_MANIFEST}, {DOCKER_LIST}", OCI_INDEX])
def test_check_35_a_manifest_of_oci_is_never_converted(call, push, accept):
    push(OCI_MANIFEST)
    assert refusal(call("GET", "v1", accept=accept)) == unaccepted("tag", "v1", OCI_MANIFEST, accept)


def test_check_36_a_list_is_its_linux_image_for_who_accepts_no_lists(call, push):
    entries, images = [], {}
    for architecture in ("arm64", "amd64"):
        data = images[architecture] = push(DOCKER_MANIFEST, architecture, layers=[], x=architecture)
        platform = {"os": "linux", "architecture": architecture}
        entry = {"mediaType": DOCKER_MANIFEST, "size": len(data), "digest": digest_of(data)}
        entries.append({**entry, "platform": platform})
    document = {"schemaVersion": 2, "mediaType": DOCKER_LIST, "manifests": entries}
    whole = json.dumps(document).encode()
    call("PUT", "all", data=whole, headers={"Content-Type": DOCKER_LIST}).raise_for_status()

    for method, body in (("GET", images["amd64"]), ("HEAD", b"")):
        answer = call(method, "all", accept=DOCKER_MANIFEST)
        shown = {
            "Content-Type": DOCKER_MANIFEST,
            "Docker-Content-Digest": digest_of(images["amd64"]),
            "Content-Length": str(len(images["amd64"])),
        }
        assert (answer.status_code, answer.content, {name: answer.headers[name] for name in shown}) == (
            200,
            body,
            shown,
        )
    answer = call("GET", "all", accept=f"{DOCKER_MANIFEST},{DOCKER_LIST}")
    assert (answer.headers["Docker-Content-Digest"], answer.content) == (digest_of(whole), whole)


def test_check_37_a_weighed_type_never_matches_and_everything_is_the_stored_type(call, push):
    data = push(DOCKER_MANIFEST)
    weighed = f"{DOCKER_MANIFEST};q=0.9"
    assert refusal(call("GET", "v1", accept=weighed)) == unaccepted("tag", "v1", DOCKER_MANIFEST, weighed)
    for accept in ("*/*", None, f"{weighed}, */*", f"{OCI_INDEX},{DOCKER_MANIFEST}"):
        answer = call("GET", "v1", accept=accept)
        assert (answer.status_code, answer.headers["Content-Type"], answer.content) == (
            200,
            DOCKER_MANIFEST,
            data,
        )


def test_check_38_a_manifest_that_is_wrong_is_refused(call, config):
    absent = {"mediaType": "application/x", "digest": digest_of(b"absent"), "size": 6}
    document = {"schemaVersion": 2, "mediaType": DOCKER_MANIFEST, "config": config, "layers": [absent]}
    for body, code, message in (
        (
            json.dumps(document),
            "MANIFEST_BLOB_UNKNOWN",
            f"the manifest names the blob {absent['digest']}, which is not in this repository: push it first",
        ),
        ("[]", "MANIFEST_INVALID", "the document is not a JSON object"),
        ('{"schemaVersion": 1}', "MANIFEST_INVALID", "schemaVersion is not 2"),
    ):
        answer = call("PUT", "v1", data=body, headers={"Content-Type": DOCKER_MANIFEST})
        assert refusal(answer) == (400, code, message)
    malformed = call("PUT", "v1", data="{", headers={"Content-Type": DOCKER_MANIFEST})
    assert refusal(malformed)[:2] == (400, "MANIFEST_INVALID")
    for method in ("PUT", "GET"):
        too_long = call(method, "t" * 129, data="{}", headers={"Content-Type": DOCKER_MANIFEST})
        message = f'Invalid manifest reference "{"t" * 129}"'
        assert refusal(too_long) == (404, "MANIFEST_UNKNOWN", message)
    assert call("GET", "v1").status_code == 404


def test_check_46_an_artifact_of_any_kind_is_taken_and_found_by_its_subject(
    registry, account, call, config, editor
):
    image = editor.push_image(APP, "v1", b"layer")
    subject = {"mediaType": OCI_MANIFEST, "digest": image, "size": 1}
    kind = "application/vnd.example.signature+json"
    artifact = {
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "config": {**config, "mediaType": kind},
        "layers": [],
        "subject": subject,
    }
    data = json.dumps(artifact).encode()
    # By the referrers tag, the fallback of clients, which works too.
    tag = image.replace(":", "-")
    pushed = call("PUT", tag, data=data, headers={"Content-Type": OCI_MANIFEST})
    assert (pushed.status_code, pushed.headers["OCI-Subject"]) == (201, image)
    assert call("GET", tag).content == data

    listed = registry.call("GET", f"/v2/{APP}/referrers/{image}", auth=account.basic)
    entry = {
        "mediaType": OCI_MANIFEST,
        "digest": digest_of(data),
        "size": len(data),
        "artifactType": kind,
    }
    index = {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [entry]}
    assert (listed.status_code, listed.headers["Content-Type"], json.loads(listed.content)) == (
        200,
        OCI_INDEX,
        index,
    )
