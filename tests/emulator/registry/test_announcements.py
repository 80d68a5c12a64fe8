"""Exact messages of each change, for gcr.io, a redirected gcr.io and pkg.dev; rows N5 to N7 by number."""

import json

import pytest
from support.images import DOCKER_LIST, OCI_CONFIG, OCI_INDEX, OCI_MANIFEST, describe, digest_of
from support.registry_client import RegistryClient

REPOSITORY = "/v1/projects/my-project/locations/us/repositories/r"


@pytest.fixture(params=["gcr.io", "redirected gcr.io", "pkg.dev", "localhost"])
def place(request, gcr_emulator, account):
    """Returns (client, repository as scopes have it, repository as messages have it)."""
    kind = "artifact-registry" if request.param == "redirected gcr.io" else None
    gcr_emulator.project(registry=kind)
    if request.param == "pkg.dev":
        gcr_emulator.repository("us", "r")
        client = RegistryClient(gcr_emulator.url, account.basic, host="us-docker.pkg.dev")
        return client, "my-project/r/app", "us-docker.pkg.dev/my-project/r/app"
    host = None if request.param == "localhost" else "gcr.io"
    return (
        RegistryClient(gcr_emulator.url, account.basic, host=host),
        "my-project/app",
        "gcr.io/my-project/app",
    )


class Changes:
    """Changes of one repository, and what the emulator told since the last question."""

    def __init__(self, gcr_emulator, client, name, told):
        self.emulator, self.client, self.name, self.told = gcr_emulator, client, name, told
        self.token = client.token(f"repository:{name}:push,pull,delete")
        self.last = 0

    def send(self, method, reference, data=None, media_type=OCI_MANIFEST, query=""):
        answer = self.client.call(
            method,
            f"/v2/{self.name}/manifests/{reference}{query}",
            token=self.token,
            data=data,
            headers={"Content-Type": media_type},
        )
        assert answer.ok, answer.text
        return answer.headers.get("Docker-Content-Digest")

    def list_new(self):
        events = [event for event in self.emulator.events("my-project") if event["id"] > self.last]
        self.last = max([self.last, *(event["id"] for event in events)])
        return [event["message"] for event in events]

    def insert(self, digest, tag=None):
        message = {"action": "INSERT", "digest": f"{self.told}@{digest}"}
        return message if tag is None else {**message, "tag": f"{self.told}:{tag}"}

    def delete(self, *, tag=None, digest=None):
        if tag is not None:
            return {"action": "DELETE", "tag": f"{self.told}:{tag}"}
        return {"action": "DELETE", "digest": f"{self.told}@{digest}"}


@pytest.fixture
def changes(gcr_emulator, place):
    return Changes(gcr_emulator, *place)


def make_manifest(changes, text, **members):
    """Pushes the config; returns the bytes of a manifest."""
    config = changes.client.push_blob(changes.name, text, OCI_CONFIG)
    document = {"schemaVersion": 2, "mediaType": OCI_MANIFEST, "config": config, "layers": [], **members}
    return json.dumps(document).encode()


def test_push_retag_untag_and_delete(changes):
    one, two = make_manifest(changes, b'{"a":1}'), make_manifest(changes, b'{"a":2}')
    assert changes.list_new() == []
    first = changes.send("PUT", "v1", one)
    assert changes.list_new() == [changes.insert(first, "v1")]
    second = changes.send("PUT", "v1", two)  # the tag moves: nothing about the old digest
    assert changes.list_new() == [changes.insert(second, "v1")]
    changes.send("DELETE", "v1")
    assert changes.list_new() == [changes.delete(tag="v1")]
    changes.send("DELETE", second)
    assert changes.list_new() == [changes.delete(digest=second)]
    third = changes.send("PUT", digest_of(two), two)
    assert changes.list_new() == [changes.insert(third)]


def test_n5_a_multi_platform_push_tells_each_child_by_digest_and_the_index_by_tag(changes):
    children = [make_manifest(changes, text) for text in (b'{"a":1}', b'{"a":2}')]
    digests = [changes.send("PUT", digest_of(child), child) for child in children]
    assert changes.list_new() == [changes.insert(digest) for digest in digests]
    for media_type in (OCI_INDEX, DOCKER_LIST):
        index = {
            "schemaVersion": 2,
            "mediaType": media_type,
            "manifests": [describe(child, OCI_MANIFEST) for child in children],
        }
        digest = changes.send("PUT", "v1", json.dumps(index).encode(), media_type)
        assert changes.list_new() == [changes.insert(digest, "v1")]


def test_n6_each_tag_put_is_told_also_where_the_digest_and_the_tag_are_known(changes):
    manifest = make_manifest(changes, b"{}")
    digest = digest_of(manifest)
    for tag in ("v1", "v2", "v1"):
        changes.send("PUT", tag, manifest)
    assert changes.list_new() == [changes.insert(digest, tag) for tag in ("v1", "v2", "v1")]
    changes.send("PUT", digest, manifest, query="?tag=b&tag=a&tag=b")
    assert changes.list_new() == [changes.insert(digest, tag) for tag in ("a", "b")]


def test_n7_without_a_tag_there_is_no_tag_and_the_digest_is_that_of_the_stored_bytes(changes):
    manifest = make_manifest(changes, b"{}")
    digest = changes.send("PUT", digest_of(manifest), manifest)
    (event,) = changes.emulator.events("my-project")
    served = changes.client.call("GET", f"/v2/{changes.name}/manifests/{digest}", token=changes.token)
    assert event["digest"] == digest_of(served.content)
    assert (event["mediaType"], event["size"]) == (OCI_MANIFEST, len(served.content))
    assert event["member"].startswith("serviceAccount:")
    assert "tag" not in event
    assert "tag" not in event["message"]


def test_an_artifact_with_a_subject_is_told_as_any_manifest(changes):
    subject = make_manifest(changes, b"{}")
    changes.send("PUT", "v1", subject)
    artifact = make_manifest(changes, b"sbom", subject=describe(subject, OCI_MANIFEST))
    digest = changes.send("PUT", digest_of(artifact), artifact)
    assert changes.list_new()[1:] == [changes.insert(digest)]


def test_blobs_and_mounts_tell_nothing_until_the_manifest(changes):
    blob = changes.client.push_blob(changes.name, b"layer")
    other = changes.name.rpartition("/")[0] + "/other"
    token = changes.client.token(f"repository:{other}:push,pull", f"repository:{changes.name}:pull")
    mounted = changes.client.call(
        "POST", f"/v2/{other}/blobs/uploads/?mount={blob['digest']}&from={changes.name}", token=token
    )
    assert mounted.status_code == 201
    assert changes.list_new() == []


def test_a_refused_push_tells_nothing(changes):
    answer = changes.client.call(
        "PUT",
        f"/v2/{changes.name}/manifests/v1",
        token=changes.token,
        data=b"{}",
        headers={"Content-Type": OCI_MANIFEST},
    )
    assert answer.status_code == 400
    assert changes.list_new() == []


@pytest.fixture
def package(gcr_emulator, account):
    """Returns the changes of an image on pkg.dev with the tags v1 and v2, and its digest."""
    gcr_emulator.repository("us", "r")
    client = RegistryClient(gcr_emulator.url, account.basic, host="us-docker.pkg.dev")
    made = Changes(gcr_emulator, client, "my-project/r/app", "us-docker.pkg.dev/my-project/r/app")
    manifest = make_manifest(made, b"{}")
    digest = made.send("PUT", "v1", manifest)
    made.send("PUT", "v2", manifest)
    assert len(made.list_new()) == 2
    return made, digest


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("DELETE", "/packages/app"),
        ("DELETE", ""),
        ("DELETE", "/packages/app/versions/{digest}?force=true"),
        ("POST", "/packages/app/versions:batchDelete"),
    ],
)
def test_deletions_by_rest_tell_each_tag_then_each_digest(package, call_api, method, path):
    changes, digest = package
    name = f"{REPOSITORY}/packages/app/versions/{digest}".removeprefix("/v1/")
    body = {"names": [name]} if method == "POST" else None
    call_api(method, f"{REPOSITORY}{path.format(digest=digest)}", body)
    assert changes.list_new() == [
        changes.delete(tag="v1"),
        changes.delete(tag="v2"),
        changes.delete(digest=digest),
    ]


def test_tags_by_rest_are_told_as_those_of_the_registry(package, call_api):
    changes, digest = package
    version = f"{REPOSITORY}/packages/app/versions/{digest}".removeprefix("/v1/")
    call_api("POST", f"{REPOSITORY}/packages/app/tags?tagId=v3", {"version": version})
    call_api("PATCH", f"{REPOSITORY}/packages/app/tags/v3", {"version": version})
    call_api("DELETE", f"{REPOSITORY}/packages/app/tags/v3")
    assert changes.list_new() == [
        changes.insert(digest, "v3"),
        changes.insert(digest, "v3"),
        changes.delete(tag="v3"),
    ]


def test_garbage_collection_tells_the_untagged_manifests_it_deletes(changes, gcr_emulator):
    manifest = make_manifest(changes, b"{}")
    digest = changes.send("PUT", digest_of(manifest), manifest)
    changes.list_new()
    gcr_emulator.clock.shift(3600)
    gcr_emulator._call("POST", "gc", {"older_than_s": 60, "untagged": True})
    _, event = gcr_emulator.events()
    assert (event["action"], event["digest"], "member" in event) == ("DELETE", digest, False)
    place = changes.told
    if changes.client.host == "gcr.io" and event["service"].startswith("artifact"):
        place = "us-docker.pkg.dev/my-project/gcr.io/app"  # no client has named gcr.io
    assert event["message"] == {"action": "DELETE", "digest": f"{place}@{digest}"}


def test_a_copy_from_container_registry_is_told_as_a_push(gcr_emulator, account, call_api):
    gcr_emulator.project()
    client = RegistryClient(gcr_emulator.url, account.basic, host="gcr.io")
    made = Changes(gcr_emulator, client, "my-project/app", "gcr.io/my-project/app")
    digest = made.send("PUT", "v1", make_manifest(made, b"{}"))
    made.list_new()
    gcr_emulator.repository("us", "gcr.io")
    call_api(
        "PATCH",
        "/v1/projects/my-project/projectSettings?updateMask=legacyRedirectionState",
        {"legacyRedirectionState": "REDIRECTION_FROM_GCR_IO_ENABLED_AND_COPYING"},
    )
    pulled = RegistryClient(gcr_emulator.url, account.basic, host="gcr.io")
    token = pulled.token("repository:my-project/app:pull")
    assert pulled.call("GET", "/v2/my-project/app/manifests/v1", token=token).status_code == 200
    assert made.list_new() == [made.insert(digest, "v1")]
