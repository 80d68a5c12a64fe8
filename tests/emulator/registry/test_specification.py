"""Distribution specification: each demand on a registry, by sections and endpoints, in each dialect.

https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md
"""

import json

import pytest
from support.images import OCI_INDEX, OCI_MANIFEST, digest_of

# What serves the images -> the project's kind, and the place of images by a name that begins with the host.
PLACES = {
    "Container Registry": ("container-registry", "gcr.io/my-project"),
    "Artifact Registry": ("container-registry", "us-docker.pkg.dev/my-project/images"),
    "Artifact Registry at gcr.io": ("artifact-registry", "gcr.io/my-project"),
}
DATA = b"0123456789" * 400
LARGE = b"x" * 300_000

DEMANDS = []


def demand(section, claim):
    """Adds a function to the table; it is called with a registry and an editor of all of it."""

    def enter(function):
        DEMANDS.append(pytest.param(function, id=f"{section}: {claim}"))
        return function

    return enter


class FilledRepository:
    """Requests to one repository, and its first image."""

    def __init__(self, editor, place, *, keeps_subjects):
        self.editor, self.keeps_subjects = editor, keeps_subjects
        self.name, self.source = f"{place}/app", f"{place}/source"
        self.path = f"/v2/{self.name}"
        self.uploads = f"{self.path}/blobs/uploads/"
        self.token = editor.token(
            f"repository:{self.name}:pull,push,delete", f"repository:{self.source}:pull"
        )
        self.digest = editor.push_image(self.name, "v1", DATA)
        self.blob = f"{self.path}/blobs/{digest_of(DATA)}"
        self.data = self("GET", f"{self.path}/manifests/v1").content

    def __call__(self, method, path, **options):
        return self.editor.call(method, path, token=self.token, **options)

    def start(self):
        return self("POST", self.uploads).headers["Location"]

    def put(self, reference, data, media_type=OCI_MANIFEST):
        path = f"{self.path}/manifests/{reference}"
        return self("PUT", path, data=data, headers={"Content-Type": media_type})

    def error(self, answer):
        (error,) = answer.json()["errors"]
        return answer.status_code, error["code"]


@pytest.fixture(params=PLACES)
def registry(request, gcr_emulator, editor):
    """Returns a repository of each dialect in turn."""
    kind, place = PLACES[request.param]
    gcr_emulator.project(registry=kind)
    path = "/v1/projects/my-project/locations/us/repositories?repositoryId=images"
    made = editor.call("POST", path, json={"format": "DOCKER"})
    assert made.status_code == 200, made.text
    return FilledRepository(editor, place, keeps_subjects=request.param != "Container Registry")


@demand("end-1 determining support", "GET /v2/ is 200 for who may enter and 401 for who may not")
def _(registry):
    host = registry.name.partition("/")[0]
    assert registry("GET", "/v2/", host=host).status_code == 200
    assert registry.editor.call("GET", "/v2/", host=host).status_code == 401


@demand("end-3 pulling manifests", "a tag and a digest give the same bytes")
def _(registry):
    for reference in ("v1", registry.digest):
        answer = registry("GET", f"{registry.path}/manifests/{reference}")
        assert (answer.status_code, answer.content) == (200, registry.data)


@demand("end-3 pulling manifests", "Content-Type is the type that the manifest was pushed as")
def _(registry):
    assert registry("GET", f"{registry.path}/manifests/v1").headers["Content-Type"] == OCI_MANIFEST


@demand("end-3 pulling manifests", "Docker-Content-Digest is the digest of the body")
def _(registry):
    answer = registry("GET", f"{registry.path}/manifests/v1")
    assert answer.headers["Docker-Content-Digest"] == digest_of(answer.content)


@demand("end-3 pulling manifests", "one that is not there is 404")
def _(registry):
    for reference in ("none", digest_of(b"none")):
        answer = registry("GET", f"{registry.path}/manifests/{reference}")
        assert registry.error(answer) == (404, "MANIFEST_UNKNOWN")


@demand("end-2 pulling blobs", "a digest gives those bytes and says their digest")
def _(registry):
    answer = registry("GET", registry.blob)
    assert (answer.status_code, answer.content) == (200, DATA)
    assert answer.headers["Docker-Content-Digest"] == digest_of(DATA)


@demand("end-2 pulling blobs", "one that is not there is 404")
def _(registry):
    answer = registry("GET", f"{registry.path}/blobs/{digest_of(b'none')}")
    assert registry.error(answer) == (404, "BLOB_UNKNOWN")


@demand("end-2 pulling blobs", "a range gives that part as 206, and one outside is 416")
def _(registry):
    part = registry("GET", registry.blob, headers={"Range": "bytes=500-1499"})
    assert (part.status_code, part.content) == (206, DATA[500:1500])
    for outside in ("bytes=5000-6000", "bytes=500-0"):
        assert registry("GET", registry.blob, headers={"Range": outside}).status_code == 416


@demand("end-2, end-3 checking existence", "HEAD is 200 with the length and without a body, or 404")
def _(registry):
    for path, size in ((registry.blob, len(DATA)), (f"{registry.path}/manifests/v1", len(registry.data))):
        answer = registry("HEAD", path)
        assert (answer.status_code, answer.headers["Content-Length"], answer.content) == (200, str(size), b"")
    for path in (f"{registry.path}/blobs/{digest_of(b'none')}", f"{registry.path}/manifests/none"):
        assert registry("HEAD", path).status_code == 404


@demand("end-4a POST then PUT", "POST is 202 with a Location, PUT 201 with one that pulls")
def _(registry):
    started = registry("POST", registry.uploads)
    assert started.status_code == 202
    ended = registry("PUT", f"{started.headers['Location']}?digest={digest_of(LARGE)}", data=LARGE)
    assert ended.status_code == 201
    assert registry("GET", ended.headers["Location"]).content == LARGE


@demand("end-4b single POST", "the whole blob in one request is 201 with a Location that pulls")
def _(registry):
    answer = registry("POST", f"{registry.uploads}?digest={digest_of(LARGE)}", data=LARGE)
    assert answer.status_code == 201
    assert registry("GET", answer.headers["Location"]).content == LARGE


@demand("end-4b single POST", "bytes of another digest are 400 and no blob")
def _(registry):
    answer = registry("POST", f"{registry.uploads}?digest={digest_of(LARGE)}", data=LARGE + b"!")
    assert registry.error(answer) == (400, "DIGEST_INVALID")
    assert registry("HEAD", f"{registry.path}/blobs/{digest_of(LARGE)}").status_code == 404


@demand("end-5 chunks", "each is 202 with a Location and a Range that ends with its last byte")
def _(registry):
    location = registry.start()
    for first in range(0, len(DATA), 1000):
        chunk = DATA[first : first + 1000]
        content_range = {"Content-Range": f"{first}-{first + len(chunk) - 1}"}
        answer = registry("PATCH", location, data=chunk, headers=content_range)
        assert (answer.status_code, answer.headers["Range"]) == (202, f"0-{first + len(chunk) - 1}")
        location = answer.headers["Location"]
    assert registry("PUT", f"{location}?digest={digest_of(DATA)}").status_code == 201


@demand("end-5 chunks", "one out of order is 416, and the upload continues where it was")
def _(registry):
    location = registry("PATCH", registry.start(), data=DATA[:1000]).headers["Location"]
    for first in (2000, 0):
        content_range = {"Content-Range": f"{first}-{first + 999}"}
        answer = registry("PATCH", location, data=DATA[first : first + 1000], headers=content_range)
        assert answer.status_code == 416
    status = registry("GET", location)
    assert (status.status_code, status.headers["Range"]) == (204, "0-999")
    ended = registry("PUT", f"{status.headers['Location']}?digest={digest_of(DATA)}", data=DATA[1000:])
    assert ended.status_code == 201


@demand("end-6 closing", "the last chunk may come with the PUT, in order or not at all")
def _(registry):
    location = registry("PATCH", registry.start(), data=DATA[:1000]).headers["Location"]
    url = f"{location}?digest={digest_of(DATA)}"
    wrong = registry("PUT", url, data=DATA[2000:], headers={"Content-Range": f"2000-{len(DATA) - 1}"})
    assert wrong.status_code == 416
    right = registry("PUT", url, data=DATA[1000:], headers={"Content-Range": f"1000-{len(DATA) - 1}"})
    assert right.status_code == 201


@demand("end-6 closing", "without a digest, or with an invalid one, it is 400")
def _(registry):
    for query in ("", "?digest=", "?digest=sha256:bad"):
        assert registry.error(registry("PUT", registry.start() + query)) == (400, "DIGEST_INVALID")


@demand("end-13 upload status", "it is 204 with the Range so far, and 404 once the upload has ended")
def _(registry):
    location = registry("PATCH", registry.start(), data=DATA).headers["Location"]
    status = registry("GET", location)
    assert (status.status_code, status.headers["Range"]) == (204, f"0-{len(DATA) - 1}")
    registry("PUT", f"{status.headers['Location']}?digest={digest_of(DATA)}")
    assert registry.error(registry("GET", location)) == (404, "BLOB_UPLOAD_UNKNOWN")


@demand("end-14 cancelling", "it is 204, and the upload is gone")
def _(registry):
    location = registry.start()
    assert registry("DELETE", location).status_code == 204
    assert registry("GET", location).status_code == 404


@demand("end-11 mounting", "a blob of the source is 201 with a Location that pulls")
def _(registry):
    blob = registry.editor.push_blob(registry.source, LARGE)
    answer = registry("POST", f"{registry.uploads}?mount={blob['digest']}&from={registry.source}")
    assert answer.status_code == 201
    assert registry("GET", answer.headers["Location"]).content == LARGE


@demand("end-11 mounting", "one that is not there is 202 and an upload")
def _(registry):
    answer = registry("POST", f"{registry.uploads}?mount={digest_of(b'none')}&from={registry.source}")
    assert answer.status_code == 202
    assert registry("GET", answer.headers["Location"]).status_code == 204


@demand("end-7 pushing manifests", "it is 201 with a Location that gives the very bytes")
def _(registry):
    data = registry.data + b"\n"
    for reference in ("v2", digest_of(data)):
        answer = registry.put(reference, data)
        assert answer.status_code == 201
        assert answer.headers["Docker-Content-Digest"] == digest_of(data)
        assert registry("GET", answer.headers["Location"]).content == data


@demand("end-7 pushing manifests", "a digest that is not the body's, or none at all, is 400")
def _(registry):
    for reference in (digest_of(b"other"), "sha256:baddigeststring"):
        assert registry.error(registry.put(reference, registry.data)) == (400, "DIGEST_INVALID")


@demand("end-7 pushing manifests", "one of 4 MiB is taken")
def _(registry):
    document = json.loads(registry.data)
    document["annotations"] = {"padding": ""}
    document["annotations"]["padding"] = "x" * (4 * 1024 * 1024 - len(json.dumps(document)))
    data = json.dumps(document).encode()
    assert (len(data), registry.put("large", data).status_code) == (4 * 1024 * 1024, 201)


@demand("end-7 pushing manifests", "unknown fields are kept")
def _(registry):
    data = json.dumps({**json.loads(registry.data), "org.example.field": [1, {"deep": None}]}).encode()
    assert registry.put("custom", data).status_code == 201
    assert registry("GET", f"{registry.path}/manifests/custom").content == data


@demand("end-7 pushing manifests", "an index may be empty, and may hold indexes")
def _(registry):
    empty = json.dumps({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": []}).encode()
    assert registry.put("empty", empty, OCI_INDEX).status_code == 201
    entry = {"mediaType": OCI_INDEX, "digest": digest_of(empty), "size": len(empty)}
    nested = json.dumps({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [entry]}).encode()
    assert registry.put("nested", nested, OCI_INDEX).status_code == 201


@demand("end-7 pushing manifests", "sha512 is kept and answered as sha512")
def _(registry):
    data = registry.data + b"\n"
    answer = registry.put(digest_of(data, "sha512"), data)
    assert answer.headers["Docker-Content-Digest"] == digest_of(data, "sha512")
    got = registry("GET", f"{registry.path}/manifests/{digest_of(data, 'sha512')}")
    assert (got.content, got.headers["Docker-Content-Digest"]) == (data, digest_of(data, "sha512"))


@demand("end-7 subjects", "OCI-Subject is the subject's digest, also of one that is not there")
def _(registry):
    subject = {"mediaType": OCI_MANIFEST, "digest": digest_of(b"none"), "size": 7}
    data = json.dumps({**json.loads(registry.data), "subject": subject}).encode()
    answer = registry.put("about", data)
    assert (answer.status_code, answer.headers["OCI-Subject"]) == (201, subject["digest"])


@demand("end-8a listing tags", "they are in lexical order")
def _(registry):
    for tag in ("b", "B", "a", "_", "10", "9"):
        registry.put(tag, registry.data)
    listed = registry("GET", f"{registry.path}/tags/list").json()["tags"]
    assert listed == ["10", "9", "B", "_", "a", "b", "v1"]


@demand("end-8b paging tags", "n bounds them, last begins after it, Link is there while more follow")
def _(registry):
    registry.put("v2", registry.data)
    first = registry("GET", f"{registry.path}/tags/list?n=1")
    assert (first.json()["tags"], first.links["next"]["rel"]) == (["v1"], "next")
    second = registry("GET", first.links["next"]["url"])
    assert (second.json()["tags"], second.links) == (["v2"], {})


@demand("end-8b paging tags", "n=0 is an empty list without Link")
def _(registry):
    answer = registry("GET", f"{registry.path}/tags/list?n=0")
    assert (answer.status_code, answer.json()["tags"], answer.links) == (200, [], {})


@demand("end-12a referrers", "of nothing they are an empty index, never 404")
def _(registry):
    answer = registry("GET", f"{registry.path}/referrers/{digest_of(b'none')}")
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, OCI_INDEX)
    assert answer.json() == {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": []}


@demand("end-12a referrers", "an invalid digest is 400")
def _(registry):
    assert registry.error(registry("GET", f"{registry.path}/referrers/sha256:bad")) == (400, "DIGEST_INVALID")


@demand("end-12b filtered referrers", "only those of the type, and OCI-Filters-Applied says so")
def _(registry):
    subject = {"mediaType": OCI_MANIFEST, "digest": registry.digest, "size": 7}
    for kind in ("application/a", "application/b"):
        document = {**json.loads(registry.data), "subject": subject, "artifactType": kind}
        registry.put(kind[-1], json.dumps(document).encode())
    answer = registry("GET", f"{registry.path}/referrers/{registry.digest}?artifactType=application/a")
    assert answer.headers["OCI-Filters-Applied"] == "artifactType"
    assert [entry["artifactType"] for entry in answer.json()["manifests"]] == ["application/a"]


@demand("end-9 deleting tags", "it is 202, at once, and the manifest stays")
def _(registry):
    assert registry("DELETE", f"{registry.path}/manifests/v1").status_code == 202
    assert registry("GET", f"{registry.path}/manifests/v1").status_code == 404
    assert registry("GET", f"{registry.path}/manifests/{registry.digest}").status_code == 200
    assert registry("DELETE", f"{registry.path}/manifests/v1").status_code == 404


@demand("end-9 deleting manifests", "it is 202, at once")
def _(registry):
    registry("DELETE", f"{registry.path}/manifests/v1")
    assert registry("DELETE", f"{registry.path}/manifests/{registry.digest}").status_code == 202
    assert registry("GET", f"{registry.path}/manifests/{registry.digest}").status_code == 404


@demand("end-9 deleting manifests", "referrers are listed after it, or are why it is 400")
def _(registry):
    subject = {"mediaType": OCI_MANIFEST, "digest": registry.digest, "size": 7}
    registry.put("about", json.dumps({**json.loads(registry.data), "subject": subject}).encode())
    registry("DELETE", f"{registry.path}/manifests/v1")
    path = f"{registry.path}/manifests/{registry.digest}"
    answers = registry("DELETE", path).status_code, registry("GET", path).status_code
    assert answers == ((400, 200) if registry.keeps_subjects else (202, 404))
    assert len(registry("GET", f"{registry.path}/referrers/{registry.digest}").json()["manifests"]) == 1


@demand("end-10 deleting blobs", "it is 202, at once, and then 404")
def _(registry):
    blob = registry.editor.push_blob(registry.name, LARGE)
    path = f"{registry.path}/blobs/{blob['digest']}"
    assert registry("DELETE", path).status_code == 202
    assert registry("HEAD", path).status_code == 404
    assert registry("DELETE", path).status_code == 404


@demand("error codes", "a body is a list of errors, each with a code in capitals and a message")
def _(registry):
    for method, path in (
        ("GET", f"{registry.path}/manifests/none"),
        ("GET", "/v2/UP/x/tags/list"),
        ("PUT", registry.blob),
    ):
        answer = registry(method, path)
        assert answer.headers["Content-Type"] == "application/json"
        ((error,),) = answer.json().values()
        assert set(error) == {"code", "message"}
        assert error["code"] == error["code"].upper()


@pytest.mark.parametrize("check", DEMANDS)
def test_demand(registry, check):
    check(registry)
