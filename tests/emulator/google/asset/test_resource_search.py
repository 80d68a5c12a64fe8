"""Resource search: a project's buckets, as `gcloud container images list-gcr-usage` asks for them."""

from typing import Any
from urllib.parse import urlencode

import pytest

Apis = Any

SEARCH = "/v1/projects/my-project:searchAllResources"
BUCKET = "storage.googleapis.com/Bucket"
NAMES = ("artifacts.my-project.appspot.com", "eu.artifacts.my-project.appspot.com", "my-artifacts")
IMAGES = "name:artifacts appspot com"


@pytest.fixture(autouse=True)
def _buckets(apis: Apis) -> None:
    for project in ("my-project", "other-project"):
        apis.call("POST", "/v1/projects", {"projectId": project})
    for name in NAMES:
        apis.call("POST", "/storage/v1/b?project=my-project", {"name": name})
    other = {"name": "artifacts.other-project.appspot.com"}
    apis.call("POST", "/storage/v1/b?project=other-project", other)


def search(apis: Apis, **query: str) -> Any:
    return apis.call("GET", f"{SEARCH}?{urlencode({'assetTypes': BUCKET, **query})}")


def test_the_words_of_a_query_select_buckets_of_the_project(apis: Apis) -> None:
    bucket = apis.call("GET", f"/storage/v1/b/{NAMES[0]}").body

    results = search(apis, query=IMAGES).body["results"]

    assert [result["displayName"] for result in results] == [*NAMES[:2]]
    assert results[0] == {
        "name": f"//storage.googleapis.com/{NAMES[0]}",
        "assetType": BUCKET,
        "project": f"projects/{bucket['projectNumber']}",
        "displayName": NAMES[0],
        "location": "us",
        "createTime": "2023-11-14T22:13:20Z",
        "parentFullResourceName": "//cloudresourcemanager.googleapis.com/projects/my-project",
        "parentAssetType": "cloudresourcemanager.googleapis.com/Project",
    }
    masked = search(apis, query=IMAGES, readMask="name,parentFullResourceName").body["results"]
    assert masked == [{name: found[name] for name in ("name", "parentFullResourceName")} for found in results]
    assert search(apis, query="name:nothing").body == {}


def test_a_search_has_pages(apis: Apis) -> None:
    first = search(apis, pageSize="2", readMask="displayName").body
    second = search(apis, pageSize="2", readMask="displayName", pageToken=first["nextPageToken"]).body

    assert first["results"] == [{"displayName": name} for name in NAMES[:2]]
    assert second == {"results": [{"displayName": NAMES[2]}]}


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ({"assetTypes": "iam.googleapis.com/Role"}, f"gcr-emulator searches assetTypes={BUCKET} alone"),
        ({"orderBy": "name"}, f"gcr-emulator searches assetTypes={BUCKET} alone"),
        ({"query": "labels.env:prod"}, "Invalid query 'labels.env:prod': gcr-emulator knows name: and words"),
        ({"query": "a " * 2000}, "Invalid query 'a a a "),
    ],
)
def test_other_searches_are_refused(apis: Apis, query: dict[str, str], message: str) -> None:
    reply = search(apis, **query)

    assert (reply.status, reply.body["error"]["message"][: len(message)]) == (400, message)


def test_a_disabled_api_refuses(apis: Apis) -> None:
    apis.call("POST", "/v1/projects/my-project/services/cloudasset.googleapis.com:disable", {})

    assert search(apis).body["error"]["details"][0]["reason"] == "SERVICE_DISABLED"
