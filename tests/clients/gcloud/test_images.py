"""`gcloud container images` at Google's own names: list, tag, delete, and the refusals."""

from typing import Any

import pytest
from clients.gcloud.google_cloud import DOMAIN_PROJECT, GoogleCloud

pytestmark = pytest.mark.in_turn

IMAGES = ("gcloud", "container", "images")
APP = "gcr.io/my-project/app"
IMPLICIT = (
    "ERROR: (gcloud.container.images.delete) This operation will implicitly delete the tags listed above. "
    "Please manually remove with the `untag` command or re-run with --force-delete-tags to confirm."
)
EXPECTED_FORM = 'Expected tag in the form "base:tag" or "tag" or digest in the form "sha256:<digest>"'
MAY_NOT_PUSH = (
    "Token exchange failed for project \\'my-project\\'. Caller does not have permission "
    "\\'storage.buckets.get\\'. To configure permissions, follow instructions at: "
    "https://cloud.google.com/container-registry/docs/access-control"
)


@pytest.fixture(scope="module")
def digest(google_cloud: GoogleCloud) -> str:
    """Returns the digest of the image at APP:v1, which stays there."""
    google_cloud.push("owner", google_cloud.place / "layout", f"{APP}:v1")
    described = google_cloud.load("owner", *IMAGES, "describe", f"{APP}:v1")
    found: str = described["image_summary"]["digest"]
    assert described == summarize("my-project/app", found)
    return found


def summarize(repository: str, digest: str) -> dict[str, Any]:
    """Returns the output of `describe`."""
    return {
        "image_summary": {
            "digest": digest,
            "fully_qualified_digest": f"gcr.io/{repository}@{digest}",
            "registry": "gcr.io",
            "repository": repository,
        }
    }


def list_tags(google_cloud: GoogleCloud, who: str, image: str) -> list[tuple[str, list[str]]]:
    """Returns the digest and the tags of every image in the repository."""
    listed = google_cloud.load(who, *IMAGES, "list-tags", image)
    return [(entry["digest"], entry["tags"]) for entry in listed]


@pytest.mark.usefixtures("digest")
@pytest.mark.parametrize(
    ("repository", "name"),
    [((), APP), (("--repository=gcr.io.localhost/my-project",), "gcr.io.localhost/my-project/app")],
    ids=["over TLS", "below localhost without TLS"],
)
def test_check_53_list_names_the_images_of_a_project(
    google_cloud: GoogleCloud, repository: tuple[str, ...], name: str
) -> None:
    assert google_cloud.load("owner", *IMAGES, "list", *repository) == [{"name": name}]


@pytest.mark.usefixtures("digest")
def test_check_53_list_needs_no_more_than_an_access_token(google_cloud: GoogleCloud) -> None:
    token = google_cloud.succeed("owner", "gcloud", "auth", "print-access-token").strip()

    listed = google_cloud.load("logged-out", *IMAGES, "list", CLOUDSDK_AUTH_ACCESS_TOKEN=token)

    assert listed == [{"name": APP}]


def test_tag_is_added_listed_and_taken_off(google_cloud: GoogleCloud, digest: str) -> None:
    added = google_cloud("owner", *IMAGES, "add-tag", f"{APP}:v1", f"{APP}:v2")
    tagged = list_tags(google_cloud, "viewer", APP)
    taken = google_cloud("owner", *IMAGES, "untag", f"{APP}:v2")

    assert (added.status, added.lines) == (0, [f"Created [{APP}:v2]."])
    reference = f"Deleted [[{APP}:v2] (referencing [{APP}@{digest}])]."
    assert (taken.status, taken.lines[-1]) == (0, reference)
    assert tagged == [(digest, ["v1", "v2"])]
    assert list_tags(google_cloud, "viewer", APP) == [(digest, ["v1"])]


def test_image_with_another_tag_is_deleted_only_with_force(google_cloud: GoogleCloud, digest: str) -> None:
    image = "gcr.io/my-project/deleted"
    for tag in ("v1", "v2"):
        google_cloud.push("owner", google_cloud.place / "layout", f"{image}:{tag}")

    refused = google_cloud.refuse("owner", *IMAGES, "delete", f"{image}:v1")
    kept = list_tags(google_cloud, "owner", image)
    deleted = google_cloud("owner", *IMAGES, "delete", f"{image}@{digest}", "--force-delete-tags")
    gone = google_cloud.refuse("owner", *IMAGES, "describe", f"{image}@{digest}")

    assert refused[-1] == IMPLICIT
    ended = [f"Deleted [{image}:v1].", f"Deleted [{image}:v2].", f"Deleted [{image}@{digest}]."]
    assert (deleted.status, sorted(deleted.lines[-3:])) == (0, ended)
    assert kept == [(digest, ["v1", "v2"])]
    assert gone == [
        f"ERROR: (gcloud.container.images.describe) [{image}@{digest}] is not found or is not a valid name. "
        f"{EXPECTED_FORM}"
    ]


def test_missing_repository_is_not_found(google_cloud: GoogleCloud) -> None:
    assert google_cloud.refuse("viewer", *IMAGES, "list-tags", "gcr.io/my-project/none") == [
        "ERROR: (gcloud.container.images.list-tags) Not found: gcr.io/my-project/none"
    ]


@pytest.mark.usefixtures("digest")
@pytest.mark.parametrize(
    ("who", "arguments", "reason"),
    [
        ("viewer", ("add-tag", f"{APP}:v1", f"{APP}:v3"), MAY_NOT_PUSH),
        ("stranger", ("add-tag", f"{APP}:v1", f"{APP}:v3"), "Access denied."),
        ("stranger", ("list-tags", APP), "Access denied."),
        ("stranger", ("list-tags", "gcr.io/my-project/none"), "Access denied."),
        ("stranger", ("list",), "Access denied."),
    ],
)
def test_who_may_not_is_shown_the_registrys_reason(
    google_cloud: GoogleCloud, who: str, arguments: tuple[str, ...], reason: str
) -> None:
    assert google_cloud.refuse(who, *IMAGES, *arguments) == [
        f"ERROR: (gcloud.container.images.{arguments[0]}) Bad status during token exchange: 403",
        f"""b'{{"errors":[{{"code":"DENIED","message":"{reason}"}}]}}'""",
    ]


def test_check_57_project_in_a_domain_has_its_images_and_its_bucket(google_cloud: GoogleCloud) -> None:
    repository = "example.com/domain-project"
    google_cloud.make_person("domain", "roles/owner", project=DOMAIN_PROJECT)
    google_cloud.push("domain", google_cloud.place / "layout", f"gcr.io/{repository}/app:v1")

    project = {"CLOUDSDK_CORE_PROJECT": DOMAIN_PROJECT}
    listed = google_cloud.load("domain", *IMAGES, "list", **project)
    buckets = google_cloud.load("domain", "gcloud", "storage", "buckets", "list", **project)

    assert listed == [{"name": f"gcr.io/{repository}/app"}]
    assert [bucket["name"] for bucket in buckets] == ["artifacts.domain-project.example.com.a.appspot.com"]
