"""gsutil and `gcloud storage` with the bucket behind gcr.io: who may read it, and who may make it public."""

import json

import pytest
from clients.gcloud.google_cloud import GoogleCloud

pytestmark = pytest.mark.in_turn

BUCKET = "artifacts.my-project.appspot.com"
URL = f"gs://{BUCKET}"
APP = "gcr.io/my-project/app:v1"
TO_ALL = ("--member=allUsers", "--role=roles/storage.objectViewer")
# The bindings that Google gives a new bucket.
FIRST = [
    {
        "members": ["projectEditor:my-project", "projectOwner:my-project"],
        "role": "roles/storage.legacyBucketOwner",
    },
    {"members": ["projectViewer:my-project"], "role": "roles/storage.legacyBucketReader"},
]
BINDING = {"members": ["allUsers"], "role": "roles/storage.objectViewer"}
LIST = "storage.buckets.list access to the Google Cloud project. Permission 'storage.buckets.list'"
GET = (
    "storage.buckets.getIamPolicy access to the Google Cloud Storage bucket. "
    "Permission 'storage.buckets.getIamPolicy'"
)
DENIED = "denied on resource (or it may not exist)."


@pytest.fixture(scope="module")
def cloud(google_cloud: GoogleCloud) -> GoogleCloud:
    """Pushes an image, which creates its bucket, and signs all users in: gsutil needs a login."""
    google_cloud.push("owner", google_cloud.place / "layout", APP)
    for who in ("owner", "viewer", "stranger"):
        outcome = google_cloud(
            who, "gcloud", "auth", "activate-service-account", "--key-file", google_cloud.key(who)
        )
        assert outcome.lines == [f"Activated service account credentials for: [{email(who)}]"], outcome
    return google_cloud


def email(who: str) -> str:
    return f"{who}@my-project.iam.gserviceaccount.com"


def pull(cloud: GoogleCloud) -> int:
    """Returns the exit status of an anonymous pull."""
    target = f"oci:{cloud.place / 'pulled'}"
    return cloud("anonymous", "skopeo", "copy", f"docker://{APP}", target).status


def test_bucket_is_listed_for_who_may_read_the_project(cloud: GoogleCloud) -> None:
    buckets = cloud.load("viewer", "gcloud", "storage", "buckets", "list")

    assert [(bucket["name"], bucket["location"]) for bucket in buckets] == [(BUCKET, "US")]
    assert cloud.succeed("viewer", "gsutil", "ls").split() == [f"{URL}/"]


def test_gsutil_opens_the_bucket_and_anybody_pulls_until_it_is_closed(cloud: GoogleCloud) -> None:
    pulled = [pull(cloud)]
    cloud.succeed("owner", "gsutil", "iam", "ch", "allUsers:objectViewer", URL)
    policy = json.loads(cloud.succeed("owner", "gsutil", "iam", "get", URL))
    pulled.append(pull(cloud))
    cloud.succeed("owner", "gsutil", "iam", "ch", "-d", "allUsers:objectViewer", URL)
    pulled.append(pull(cloud))

    assert policy["bindings"] == [*FIRST, BINDING]
    assert pulled == [1, 0, 1]


def test_gcloud_opens_the_bucket_and_anybody_pulls_until_it_is_closed(cloud: GoogleCloud) -> None:
    buckets = ("gcloud", "storage", "buckets")
    policy = cloud.load("owner", *buckets, "add-iam-policy-binding", URL, *TO_ALL)
    pulled = [pull(cloud)]
    cloud.succeed("owner", *buckets, "remove-iam-policy-binding", URL, *TO_ALL)
    pulled.append(pull(cloud))

    assert policy["bindings"] == [*FIRST, BINDING]
    assert pulled == [0, 1]


def test_stranger_may_list_no_bucket(cloud: GoogleCloud) -> None:
    reason = f"{email('stranger')} does not have {LIST} {DENIED}"

    assert cloud.refuse("stranger", "gsutil", "ls") == [f"AccessDeniedException: 403 {reason}"]
    first = cloud.refuse("stranger", "gcloud", "storage", "buckets", "list")[0]
    assert first.startswith(f"ERROR: (gcloud.storage.buckets.list) HTTPError 403: {reason}")


@pytest.mark.parametrize("who", ["viewer", "stranger"])
def test_only_who_may_set_the_policy_opens_the_bucket(cloud: GoogleCloud, who: str) -> None:
    reason = f"{email(who)} does not have {GET} {DENIED}"

    change = cloud.refuse(who, "gsutil", "iam", "ch", "allUsers:objectViewer", URL)
    add = cloud.refuse(who, "gcloud", "storage", "buckets", "add-iam-policy-binding", URL, *TO_ALL)

    assert change == [f"AccessDeniedException: 403 {reason}"]
    assert add[0].startswith(
        f"ERROR: (gcloud.storage.buckets.add-iam-policy-binding) [{email(who)}] does not have permission "
        f"to access b instance [{BUCKET}] (or it may not exist): {reason}"
    )
