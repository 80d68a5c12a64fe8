"""Dialects of /v2/: the differences between Container Registry and Artifact Registry."""

import json

import pytest
import requests
from support.backing_services import serve
from support.images import DOCKER_LIST, OCI_INDEX, OCI_LAYER_GZIP, OCI_MANIFEST

from docker_credential_gcr.emulator.registry.app import ROUTES
from docker_credential_gcr.emulator.settings import Settings

GCR = "my-project/app"
AR = "us-docker.pkg.dev/my-project/images/app"
NAMES = pytest.mark.parametrize("name", [GCR, AR], ids=["gcr.io", "pkg.dev"])
REPOSITORIES = "/v1/projects/my-project/locations/us/repositories"
CACHE = "application/vnd.buildkit.cacheconfig.v0"
ABSENT = f"sha256:{'0' * 64}"


@pytest.fixture
def api(gcr_emulator):
    """Calls Google's APIs as the operator."""

    def call(method, path, body=None):
        return requests.request(method, f"{gcr_emulator.url}{path}", json=body, timeout=30)

    gcr_emulator.project()
    return call


@pytest.fixture
def images(api):
    """Creates a repository of Artifact Registry; returns its path in the API."""
    assert api("POST", f"{REPOSITORIES}?repositoryId=images", {"format": "DOCKER"}).status_code == 200
    return f"{REPOSITORIES}/images"


@pytest.fixture
def call(editor, images):
    """Sends a request with a token for the image; returns its status and, of a refusal, code and message."""

    def ask(method, name, path, **options):
        token = editor.token(f"repository:{name}:pull,push,delete")
        answer = editor.call(method, f"/v2/{name}/{path}", token=token, **options)
        if answer.status_code < 400 or method == "HEAD":
            return answer.status_code
        (error,) = answer.json()["errors"]
        return answer.status_code, error["code"], error["message"]

    assert images
    return ask


def format_index(*children, media_type=OCI_INDEX):
    return {"schemaVersion": 2, "mediaType": media_type, "manifests": list(children)}


class TestIndexesOfBlobs:
    @pytest.mark.parametrize("media_type", [OCI_INDEX, DOCKER_LIST], ids=["G-Z40-oci", "G-Z40-docker"])
    def test_g_z40_artifact_registry_keeps_the_index_of_a_build_cache(self, call, editor, media_type):
        layer, config = editor.push_blob(AR, b"layer", OCI_LAYER_GZIP), editor.push_blob(AR, b"{}", CACHE)
        body = json.dumps(format_index(layer, config, media_type=media_type)).encode()

        pushed = call("PUT", AR, "manifests/cache", data=body, headers={"Content-Type": media_type})
        pulled = editor.get(f"/v2/{AR}/manifests/cache", repository=AR)

        assert (pushed, pulled.status_code, pulled.content) == (201, 200, body)

    @NAMES
    def test_g_z40_what_an_index_names_is_missed_by_the_dialects_rule(self, call, editor, name):
        layer = editor.push_blob(name, b"layer", OCI_LAYER_GZIP)
        absent = {"mediaType": OCI_LAYER_GZIP, "digest": ABSENT, "size": 1}
        headers = {"Content-Type": OCI_INDEX}
        refusals = {}
        for kind, child in (("blob", layer), ("absent", absent)):
            body = json.dumps(format_index(child)).encode()
            refusals[kind] = call("PUT", name, "manifests/cache", data=body, headers=headers)

        unknown = "not in this repository: push it first"
        if name == GCR:
            unknown = (
                "not a manifest of this repository: push it as a manifest first, "
                "an index in Container Registry names manifests only"
            )
        code = "MANIFEST_BLOB_UNKNOWN"
        assert refusals == {
            "blob": (400, code, f"the index names {layer['digest']}, which is {unknown}")
            if name == GCR
            else 201,
            "absent": (400, code, f"the index names {ABSENT}, which is {unknown}"),
        }

    @NAMES
    def test_g_z40_a_manifest_that_is_no_blob_is_not_said_to_be_absent(self, call, editor, name):
        image = editor.push_image(name, "v1", b"layer")
        config = editor.push_blob(name, b"{}")
        layer = {"mediaType": OCI_LAYER_GZIP, "digest": image, "size": 1}
        document = {"schemaVersion": 2, "mediaType": OCI_MANIFEST, "config": config, "layers": [layer]}

        answer = call("PUT", name, "manifests/v2", json=document, headers={"Content-Type": OCI_MANIFEST})

        text = f"the manifest names the blob {image}, which is not in this repository: push it first"
        assert answer == (400, "MANIFEST_BLOB_UNKNOWN", text)


# Request -> response of each dialect, for an image with the tag v1 and one without.
TEXTS = {
    "tag": {
        GCR: f'Failed to fetch "nope" from request "/v2/{GCR}/manifests/nope".',
        AR: 'Failed to fetch "nope"',
    },
    "digest": {
        GCR: f'Failed to fetch "{ABSENT}" from request "/v2/{GCR}/manifests/{ABSENT}".',
        AR: f'Failed to fetch "{ABSENT}"',
    },
    "one type": {
        GCR: f"Manifest with tag 'v1' has media type '{OCI_MANIFEST}', but client accepts 'a/b'.",
        AR: f'Manifest has media type "{OCI_MANIFEST}" but client accepts ["a/b"]',
    },
    "two types": {
        GCR: f"Manifest with tag 'v1' has media type '{OCI_MANIFEST}', but client accepts 'a/b, c/d'.",
        AR: f'Manifest has media type "{OCI_MANIFEST}" but client accepts ["a/b", "c/d"]',
    },
}
REQUESTS = {
    "tag": ("manifests/nope", {}),
    "digest": (f"manifests/{ABSENT}", {}),
    "one type": ("manifests/v1", {"Accept": "a/b"}),
    "two types": ("manifests/v1", {"Accept": "a/b, c/d"}),
}


class TestTexts:
    @NAMES
    @pytest.mark.parametrize("asked", list(REQUESTS), ids=lambda asked: f"G-Z46-{asked}")
    def test_g_z46_a_manifest_is_not_found_in_the_dialects_words(self, call, editor, name, asked):
        editor.push_image(name, "v1", b"layer")
        path, headers = REQUESTS[asked]

        assert call("GET", name, path, headers=headers) == (404, "MANIFEST_UNKNOWN", TEXTS[asked][name])

    @NAMES
    def test_g_z46_a_deletion_is_refused_in_the_dialects_words(self, call, editor, name):
        image = editor.push_image(name, "v1", b"layer")
        tagged = call("DELETE", name, f"manifests/{image}")
        child = {"mediaType": OCI_MANIFEST, "digest": image, "size": 1}
        index = editor.put_manifest(name, "all", format_index(child), OCI_INDEX)
        parent = index.headers["Docker-Content-Digest"]
        untagged = call("DELETE", name, "manifests/v1")

        refusals = [tagged, untagged, *(call("DELETE", name, f"manifests/{each}") for each in (image, "v2"))]

        tag, under = "GOOGLE_MANIFEST_DANGLING_TAG", "GOOGLE_MANIFEST_DANGLING_PARENT_IMAGE"
        expected = {
            GCR: [
                (400, tag, "Manifest is still referenced by tag: v1"),
                202,
                (400, under, f"Manifest {image} is referenced by image {parent}"),
                (404, "NAME_UNKNOWN", "Failed to compute blob liveness for manifest: 'v2'"),
            ],
            AR: [
                (400, tag, "Manifest is still referenced by one or more tags: delete v1 first"),
                202,
                (
                    400,
                    under,
                    f"Manifest is still referenced by one or more parent images: delete {parent} first",
                ),
                (404, "MANIFEST_UNKNOWN", 'Failed to fetch "v2"'),
            ],
        }
        assert refusals == expected[name]


def push_referrer(editor, name, subject):
    """Pushes an artifact whose subject is a manifest; returns its digest."""
    config = editor.push_blob(name, b"{}")
    about = {"mediaType": OCI_MANIFEST, "digest": subject, "size": 1}
    document = {
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "config": config,
        "layers": [],
        "subject": about,
    }
    answer = editor.put_manifest(name, "signature", document)
    assert answer.status_code == 201, answer.text
    return answer.headers["Docker-Content-Digest"]


REFERRED = "Manifest is still referenced by one or more referring manifests"
IMMUTABLE = "cannot delete a package with tags. The repository has enabled tag immutability"


class TestReferrers:
    @NAMES
    def test_g_z44_a_manifest_with_referrers_is_deleted_on_gcr_io_alone(self, call, editor, name):
        image = editor.push_image(name, "v1", b"layer")
        referrer = push_referrer(editor, name, image)

        deleted = [call("DELETE", name, f"manifests/{each}") for each in ("v1", image, "signature")]

        refused = (400, "GOOGLE_MANIFEST_REFERRING_MANIFEST", f"{REFERRED}: delete {referrer} first")
        assert deleted == [202, 202 if name == GCR else refused, 202]
        rest = [call("DELETE", name, f"manifests/{each}") for each in (referrer, image)]
        missing = (404, "NAME_UNKNOWN", f"Failed to compute blob liveness for manifest: '{image}'")
        assert rest == [202, missing if name == GCR else 202]

    @NAMES
    @pytest.mark.usefixtures("images")
    def test_g_z44_under_googles_name_the_text_is_googles(self, editor, name):
        image = editor.push_image(name, "v1", b"layer")
        host, path = ("gcr.io", name) if name == GCR else name.split("/", 1)
        token = editor.ask_token(f"repository:{path}:pull,delete", host=host).json()["token"]

        answer = editor.call("DELETE", f"/v2/{path}/manifests/{image}", token=token, headers={"Host": host})

        text = {GCR: "tag: v1", AR: "one or more tags"}[name]
        message = f"Manifest is still referenced by {text}"
        error = {"errors": [{"code": "GOOGLE_MANIFEST_DANGLING_TAG", "message": message}]}
        assert (answer.status_code, answer.json()) == (400, error)

    def test_g_z44_the_api_keeps_a_version_with_referrers_too(self, api, images, editor):
        image = editor.push_image(AR, "v1", b"layer")
        referrer = push_referrer(editor, AR, image)
        package = f"{images}/packages/app"
        names = [f"{package.removeprefix('/v1/')}/versions/{each}" for each in (image, referrer)]

        refusals = [
            api("DELETE", f"{package}/versions/{image}"),
            api("DELETE", f"{package}/versions/{image}?force=true"),
            api("POST", f"{package}/versions:batchDelete", {"names": names}),
        ]

        assert [(each.status_code, each.json()["error"]["message"]) for each in refusals] == [
            (400, f"{REFERRED}: {referrer}")
        ] * 3
        deleted = api("POST", f"{package}/versions:batchDelete", {"names": names[::-1]})
        assert (deleted.status_code, api("GET", package).status_code) == (200, 404)

    def test_g_z44_a_package_goes_with_its_referrers_unless_a_tag_must_stay(self, api, images, editor):
        push_referrer(editor, AR, editor.push_image(AR, "v1", b"layer"))
        package, mask = f"{images}/packages/app", "updateMask=dockerConfig"
        answers = []
        for immutable in (True, False):
            api("PATCH", f"{images}?{mask}", {"dockerConfig": {"immutableTags": immutable}})
            answers.append(api("DELETE", package))

        assert (answers[0].status_code, answers[0].json()["error"]["message"]) == (400, IMMUTABLE)
        assert (answers[1].status_code, api("GET", package).status_code) == (200, 404)


IMAGE = {
    "schemaVersion": 2,
    "mediaType": OCI_MANIFEST,
    "config": {"mediaType": "a/b", "digest": ABSENT, "size": 1},
    "layers": [],
}
SEGMENTS = {"digest": ABSENT, "reference": "v1", "upload": f"{'0' * 24}-0"}
# (method, path after /v2/NAME/) of each resource of an image, and of a mount.
RESOURCES = [
    *(
        (each, path.removeprefix("/v2/{name}/").format(**SEGMENTS))
        for method, path, _ in ROUTES
        if path.startswith("/v2/{name}/")
        for each in ((method, "HEAD") if method == "GET" else (method,))
    ),
    ("POST", f"blobs/uploads/?mount={ABSENT}&from=my-project/app"),
    ("DELETE", f"manifests/{ABSENT}"),
]
# host -> a name in a missing project or repository, and the message.
PLACES = {
    "gcr.io": ("no-project/app", "Project 'project:no-project' not found or deleted."),
    "us-docker.pkg.dev": ("my-project/never/app", 'Repository "never" not found'),
}


@pytest.fixture(scope="module")
def opened():
    """Yields a function that sends requests to an open registry with my-project and its images."""
    with (
        serve(Settings(port=0, open=True, projects=("my-project",))) as ready,
        requests.Session() as session,
    ):
        session.trust_env = False

        def call(method, host, path, **options):
            headers = {"Host": host, "Content-Type": OCI_MANIFEST}
            return session.request(method, f"{ready.url}{path}", headers=headers, timeout=30, **options)

        made = call("POST", "localhost", f"{REPOSITORIES}?repositoryId=images", data='{"format": "DOCKER"}')
        assert made.status_code == 200, made.text
        yield call


class TestAbsence:
    @pytest.mark.parametrize("host", PLACES)
    @pytest.mark.parametrize(
        ("method", "path"), RESOURCES, ids=[f"G-Z45-{method} {path[:20]}" for method, path in RESOURCES]
    )
    def test_g_z45_an_absent_project_or_repository_is_named(self, opened, host, method, path):
        name, text = PLACES[host]
        body = json.dumps(IMAGE) if method == "PUT" else None

        answer = opened(method, host, f"/v2/{name}/{path}", data=body)

        error = {"errors": [{"code": "NAME_UNKNOWN", "message": text}]}
        assert (answer.status_code, answer.content and answer.json()) == (
            404,
            b"" if method == "HEAD" else error,
        )

    @pytest.mark.parametrize("host", PLACES)
    def test_g_z48_an_image_without_anything_is_listed_in_the_dialects_way(self, opened, host):
        name = "my-project/nothing" if host == "gcr.io" else "my-project/images/nothing"

        answer = opened("GET", host, f"/v2/{name}/tags/list")

        text = f"repository name not known to registry: {name}"
        expected = {
            "gcr.io": (404, {"errors": [{"code": "NAME_UNKNOWN", "message": text}]}),
            "us-docker.pkg.dev": (200, {"child": [], "manifest": {}, "name": name, "tags": []}),
        }
        assert (answer.status_code, answer.json()) == expected[host]

    def test_g_z45_what_is_absent_in_a_repository_that_is_there_is_named_itself(self, opened):
        paths = (f"manifests/{ABSENT}", f"blobs/{ABSENT}", f"referrers/{ABSENT}")
        answers = [opened("GET", "us-docker.pkg.dev", f"/v2/my-project/images/app/{path}") for path in paths]

        codes = [answer.json().get("errors", [{}])[0].get("code") for answer in answers]
        assert [answer.status_code for answer in answers] == [404, 404, 200]
        assert codes == ["MANIFEST_UNKNOWN", "BLOB_UNKNOWN", None]
