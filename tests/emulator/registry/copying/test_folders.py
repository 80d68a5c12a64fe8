"""CopyFromGCR: copies of the images of a folder, page by page, for callers with the rights."""

import pytest
from emulator.registry.copying.samples import (
    COPY,
    LARGE,
    NOTHING,
    REPOSITORIES,
    REPOSITORY,
    SOURCE,
    fill,
    find_listing,
    name,
)
from support.backing_services import serve
from support.images import OCI_INDEX, digest_of

from docker_credential_gcr.emulator.settings import Limits, Settings

DAY_S = 24 * 3600
NOW = 1_800_000_000


@pytest.mark.usefixtures("images")
def test_a_folder_is_copied_with_all_that_its_images_consist_of(editor, copy):
    filled = fill(editor)
    editor.push_image(f"{SOURCE}/sub/folder", "v1", b"below")

    assert copy() == {**NOTHING, "child": ["sub"], "manifestsCopied": 4, "tagsCopied": 4}

    assert find_listing(editor, COPY) == find_listing(editor, SOURCE)
    assert set(find_listing(editor, COPY)["manifest"]) == set(vars(filled).values())
    for part in (*vars(filled).values(), "v1", "all", "signature", "small"):
        read = [editor.get(f"/v2/{each}/manifests/{part}", repository=each) for each in (SOURCE, COPY)]
        assert read[0].content == read[1].content
        assert read[0].headers["Content-Type"] == read[1].headers["Content-Type"]
    for blob in (LARGE, b"small layer", b"{}", b"another layer"):
        assert editor.get(f"/v2/{COPY}/blobs/{digest_of(blob)}", repository=COPY).content == blob
    referrers = [
        editor.get(f"/v2/{each}/referrers/{filled.image}", repository=each).json() for each in (SOURCE, COPY)
    ]
    assert referrers[0] == referrers[1]
    assert [entry["digest"] for entry in referrers[1]["manifests"]] == [filled.signature]


@pytest.mark.usefixtures("images")
def test_a_second_copy_finds_nothing_to_do(editor, copy):
    fill(editor)
    copy()
    listing = find_listing(editor, COPY)

    assert copy() == {**NOTHING, "child": []}

    assert find_listing(editor, COPY) == listing


@pytest.mark.usefixtures("images")
def test_the_whole_repository_names_its_images_as_children(editor, copy):
    editor.push_image(SOURCE, "v1", b"layer")
    editor.push_image("my-project/dir/other", "v1", b"layer")

    assert copy(REPOSITORY) == {**NOTHING, "child": ["app", "dir"]}
    assert copy(f"{REPOSITORY}/dir") == {**NOTHING, "child": ["other"]}
    assert copy(f"{REPOSITORY}/dir/other") == {**NOTHING, "child": [], "manifestsCopied": 1, "tagsCopied": 1}
    assert copy(f"{REPOSITORY}/nothing") == {**NOTHING, "child": []}
    # The other hosts have buckets of their own.
    assert copy(REPOSITORY, "eu.gcr.io/my-project") == {**NOTHING, "child": []}


@pytest.mark.usefixtures("images")
def test_a_tag_follows_the_later_push(editor, copy):
    old = editor.push_image(SOURCE, "latest", b"old")
    editor.push_image(SOURCE, "moved", b"old")
    copy()
    assert find_listing(editor, COPY)["manifest"][old]["tag"] == ["latest", "moved"]

    new = editor.push_image(SOURCE, "latest", b"new")
    newer = editor.push_image(COPY, "moved", b"newer")

    assert copy() == {**NOTHING, "child": [], "manifestsCopied": 1, "tagsCopied": 1}
    found = find_listing(editor, COPY)["manifest"]
    assert {digest: found[digest]["tag"] for digest in found} == {old: [], new: ["latest"], newer: ["moved"]}


def test_an_immutable_tag_does_not_move(images, editor, copy):
    editor.push_image(SOURCE, "v1", b"old")
    copy()
    images(
        "PATCH",
        "/v1/projects/my-project/locations/us/repositories/images?updateMask=dockerConfig.immutableTags",
        {"dockerConfig": {"immutableTags": True}},
    )
    editor.push_image(SOURCE, "v1", b"new")
    editor.push_image(SOURCE, "v2", b"other")

    assert copy() == {
        **NOTHING,
        "child": [],
        "manifestsCopied": 2,
        "tagsCopied": 1,
        "tagsFailed": 1,
        "exampleFailures": ["gcr.io/my-project/app:v1: the tags of the copies are immutable"],
    }
    assert find_listing(editor, COPY)["tags"] == ["v1", "v2"]


class TestSelection:
    @pytest.fixture
    def pushed(self, images, editor, gcr_emulator):
        """Pushes an image a day, the oldest first, and an index of the oldest; returns the digests."""
        assert images
        digests = []
        for day in range(4):
            gcr_emulator.clock.set(NOW + day * DAY_S)
            created = f"2026-01-0{day + 1}T00:00:00Z"
            digests.append(editor.push_image(SOURCE, f"day-{day}", b"layer %d" % day, created=created))
        return digests

    def copied(self, editor):
        return find_listing(editor, COPY)["tags"]

    @pytest.mark.usefixtures("pushed")
    def test_the_newest_versions(self, editor, copy):
        assert copy(MaxVersions=2)["manifestsCopied"] == 2
        assert self.copied(editor) == ["day-2", "day-3"]

    def test_the_days_since_the_last_push_or_use(self, pushed, editor, copy, gcr_emulator):
        gcr_emulator.clock.set(NOW + 5 * DAY_S)
        token = editor.token(f"repository:{SOURCE}:pull")
        # A client that pushes an image asks for all its blobs; the layer alone may be of another image.
        manifest = editor.get(f"/v2/{SOURCE}/manifests/{pushed[0]}").json()
        for blob in (manifest["config"]["digest"], *map(digest_of, [b"layer 0", b"layer 1"])):
            assert editor.call("HEAD", f"/v2/{SOURCE}/blobs/{blob}", token=token).status_code == 200

        assert copy(PullDays=3)["manifestsCopied"] == 3
        assert self.copied(editor) == ["day-0", "day-2", "day-3"]

    @pytest.mark.usefixtures("pushed")
    def test_both(self, editor, copy, gcr_emulator):
        gcr_emulator.clock.set(NOW + 4 * DAY_S)
        assert copy(PullDays=1, MaxVersions=3)["manifestsCopied"] == 1
        assert self.copied(editor) == ["day-3"]

    def test_an_index_of_a_recent_image(self, pushed, editor, copy, gcr_emulator):
        gcr_emulator.clock.set(NOW)
        index = {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [name(pushed[3])]}
        assert editor.put_manifest(SOURCE, "index", index, OCI_INDEX).status_code == 201
        gcr_emulator.clock.set(NOW + 4 * DAY_S)

        assert copy(PullDays=1)["manifestsCopied"] == 2
        assert self.copied(editor) == ["day-3", "index"]

    @pytest.mark.parametrize("parameter", ["PullDays", "MaxVersions"])
    @pytest.mark.parametrize("value", ["", "-1", "1.5", "x"])
    @pytest.mark.usefixtures("images")
    def test_a_wrong_number(self, copy, parameter, value):
        (error,) = copy(status=400, **{parameter: value})["errors"]
        assert error == {
            "code": "PAGINATION_NUMBER_INVALID",
            "message": f"{parameter} is not a number: {value!r}",
        }


@pytest.mark.parametrize(("limits", "sizes"), [(Limits(copied_images=2), 3), (Limits(copied_size=1), 4)])
def test_pages_add_up(limits, sizes, editor_of, copy):
    with serve(Settings(port=0, limits=limits)) as ready:
        editor = editor_of(ready.url)
        created = editor.call("POST", f"{REPOSITORIES}?repositoryId=images", json={"format": "DOCKER"})
        assert created.status_code == 200, created.text
        digests = [editor.push_image(SOURCE, f"v{number}", b"layer %d" % number) for number in range(5)]
        assert editor.delete(f"/v2/{SOURCE}/blobs/{digest_of(b'layer 3')}").status_code == 202

        pages = [copy(client=editor)]
        while "nextPage" in pages[-1]:
            pages.append(copy(client=editor, NextPage=pages[-1]["nextPage"]))

        failure = describe_missing(digests[3], digest_of(b"layer 3"))
        assert pages[-1] == {
            "child": [],
            "manifestsCopied": 4,
            "tagsCopied": 4,
            "manifestsFailed": 1,
            "manifestsFailedWithNotFound": 1,
            "tagsFailed": 1,
            "exampleFailures": [failure],
            "exampleFailuresWithNotFound": [failure],
        }
        assert len(pages) == sizes
        assert find_listing(editor, COPY)["tags"] == ["v0", "v1", "v2", "v4"]


def describe_missing(image, part):
    return f"gcr.io/{SOURCE}@{image}: the source does not have {part} whole"


@pytest.mark.usefixtures("images")
@pytest.mark.parametrize("page", ["", "x", "0" * 32 + "W10", "\u00e9"])
def test_an_unknown_page(copy, page):
    (error,) = copy(status=400, NextPage=page)["errors"]
    assert error == {
        "code": "PAGINATION_NUMBER_INVALID",
        "message": f"unknown page {page!r}: use the nextPage of the last response",
    }


@pytest.mark.usefixtures("images")
def test_an_image_without_all_its_parts_is_not_copied(editor, copy):
    filled = fill(editor)
    assert editor.delete(f"/v2/{SOURCE}/blobs/{digest_of(LARGE)}").status_code == 202

    document = copy()

    # The index has no other image, and the signature is one of the image, which is not there.
    assert document == {
        "child": [],
        "manifestsCopied": 2,
        "tagsCopied": 2,
        "manifestsFailed": 2,
        "manifestsFailedWithNotFound": 2,
        "tagsFailed": 2,
        "exampleFailures": document["exampleFailures"],
        "exampleFailuresWithNotFound": document["exampleFailures"],
    }
    assert sorted(document["exampleFailures"]) == sorted(
        describe_missing(image, digest_of(LARGE)) for image in (filled.image, filled.index)
    )
    assert find_listing(editor, COPY)["tags"] == ["signature", "small"]

    editor.push_blob(SOURCE, LARGE)
    assert copy() == {**NOTHING, "child": [], "manifestsCopied": 2, "tagsCopied": 2}


class TestRefusals:
    @pytest.mark.parametrize(
        "origin", ["", "other", "gcr.io", "gcr.io/", "gcr.io/my-project/app", "mirror.gcr.io/my-project"]
    )
    @pytest.mark.usefixtures("images")
    def test_an_origin_that_is_no_host_and_project(self, copy, origin):
        (error,) = copy(origin=origin, status=400)["errors"]
        assert error["code"] == "NAME_INVALID"

    @pytest.mark.usefixtures("images")
    def test_the_same_images_of_a_repository_without_a_host(self, copy):
        (error,) = copy(origin="same", status=400)["errors"]
        assert error == {
            "code": "NAME_INVALID",
            "message": (
                "no registry host has the images of this repository: name one, such as gcr.io/my-project"
            ),
        }

    def test_a_target_in_container_registry(self, editor, copy):
        editor.push_image(SOURCE, "v1", b"layer")
        (error,) = copy(SOURCE, status=400)["errors"]
        assert error == {
            "code": "NAME_INVALID",
            "message": f"the images of {SOURCE!r} are in Container Registry: copy them to another name",
        }

    def test_a_missing_repository(self, copy):
        (error,) = copy(status=404)["errors"]
        assert error["code"] == "NAME_UNKNOWN"
        assert error["message"].startswith('Repository "images" not found')

    @pytest.mark.usefixtures("images")
    def test_a_reader_of_the_target(self, editor, copy, connect):
        editor.push_image(SOURCE, "v1", b"layer")
        reader = connect("roles/artifactregistry.reader", account="reader")
        (error,) = copy(client=reader, status=403)["errors"]
        assert "artifactregistry.repositories.uploadArtifacts" in error["message"]

    @pytest.mark.usefixtures("images")
    def test_within_a_project_the_caller_needs_no_right_on_the_bucket(self, editor, copy, connect):
        editor.push_image(SOURCE, "v1", b"layer")
        writer = connect("roles/artifactregistry.writer", account="writer")
        assert copy(client=writer) == {**NOTHING, "child": [], "manifestsCopied": 1, "tagsCopied": 1}

    @pytest.mark.usefixtures("images")
    def test_from_another_project_the_caller_needs_to_read_the_bucket(self, copy, connect, share_bucket):
        owner = connect("roles/editor", account="owner", project="other-project")
        owner.push_image("other-project/app", "v1", b"layer")
        writer = connect("roles/artifactregistry.writer", account="writer")
        email = "writer@my-project.iam.gserviceaccount.com"

        (error,) = copy(origin="gcr.io/other-project", client=writer, status=403)["errors"]

        # gcloud searches for `requires (.*) to have storage.objects.`
        assert error == {
            "code": "DENIED",
            "message": (
                "copying from the bucket artifacts.other-project.appspot.com requires "
                f"{email} to have storage.objects.get on it"
            ),
        }
        share_bucket(
            "artifacts.other-project.appspot.com", "roles/storage.objectViewer", f"serviceAccount:{email}"
        )
        copied = copy(origin="gcr.io/other-project", client=writer)
        assert copied == {**NOTHING, "child": [], "manifestsCopied": 1, "tagsCopied": 1}

    @pytest.mark.usefixtures("images")
    def test_from_a_deleted_project_only_until_then(self, copy, connect, share_bucket, call_api):
        owner = connect("roles/editor", account="owner", project="other-project")
        owner.push_image("other-project/app", "v1", b"layer")
        reader = "serviceAccount:editor@my-project.iam.gserviceaccount.com"
        share_bucket("artifacts.other-project.appspot.com", "roles/storage.objectViewer", reader)
        call_api("DELETE", "/v1/projects/other-project")

        (error,) = copy(origin="gcr.io/other-project", status=404)["errors"]

        assert error["code"] == "NAME_UNKNOWN"
        assert error["message"].startswith("Project 'project:other-project' not found or deleted.")
        call_api("POST", "/v1/projects/other-project:undelete", {})
        assert copy(origin="gcr.io/other-project")["manifestsCopied"] == 1


def test_the_repository_of_a_host_gets_the_same_images(images, editor, copy):
    path = "/v1/projects/my-project/locations/europe/repositories?repositoryId=eu.gcr.io"
    images("POST", path, {"format": "DOCKER"})
    digest = editor.push_image("eu.gcr.io/my-project/app", "v1", b"layer")
    editor.push_image(SOURCE, "v1", b"another layer")
    repository = "europe-docker.pkg.dev/my-project/eu.gcr.io"

    assert copy(repository, "same") == {**NOTHING, "child": ["app"]}
    assert copy(f"{repository}/app", "same")["manifestsCopied"] == 1
    copied = editor.get(f"/v2/{repository}/app/manifests/v1", repository=f"{repository}/app")
    assert copied.headers["Docker-Content-Digest"] == digest
