"""Checks 17 to 19 of Artifact Registry: gcloud's requests while it redirects a project.

gcloud itself is in tests/clients/gcloud/test_migration.py; these are its requests, in its order.
"""

import pytest
import requests

PROJECT = "/v1/projects/my-project"
SETTINGS = f"{PROJECT}/projectSettings"
MASK = "updateMask=legacy_redirection_state"
STATE = "REDIRECTION_FROM_GCR_IO_"
# gcloud asks in this order.
REPOSITORIES = {"gcr.io": "us", "us.gcr.io": "us", "asia.gcr.io": "asia", "eu.gcr.io": "europe"}
BUCKETS = ("us.", "eu.", "asia.", "")


@pytest.fixture
def call(gcr_emulator, make_account):
    """Returns status and body of a request to a Google API, as an owner of the project."""
    token = make_account("roles/owner", account="owner").access_token(
        "https://www.googleapis.com/auth/cloud-platform"
    )

    def ask(method, path, body=None):
        headers = {"Authorization": f"Bearer {token}"}
        answer = requests.request(method, f"{gcr_emulator.url}{path}", json=body, headers=headers, timeout=30)
        return answer.status_code, answer.json()

    return ask


def format_settings(state, **others):
    name = "projects/my-project/projectSettings"
    return {"name": name, "legacyRedirectionState": f"{STATE}{state}", **others}


def find_repositories(call):
    """Returns the names of the hosts that have a repository."""
    found = {}
    for host, location in REPOSITORIES.items():
        status, body = call("GET", f"{PROJECT}/locations/{location}/repositories/{host}")
        assert status in (200, 404)
        found |= {host: body["format"]} if status == 200 else {}
    return found


def create_repositories(call):
    """Creates what is missing, as gcloud does after a question."""
    for host, location in REPOSITORIES.items():
        name = f"projects/my-project/locations/{location}/repositories/{host}"
        body = {"name": name, "description": "Created by gcloud", "format": "DOCKER"}
        path = f"{PROJECT}/locations/{location}/repositories?repositoryId={host}"
        status, operation = call("POST", path, body)
        assert (status, call("GET", f"/v1/{operation['name']}")[1]["done"]) == (200, True)
        made = call("GET", f"/v1/{name}")[1]
        assert (made["description"], made["mode"]) == ("Created by gcloud", "STANDARD_REPOSITORY")


def test_a17_enable_upgrade_redirection_on_a_project_with_its_repositories(call):
    assert call("GET", SETTINGS) == (200, format_settings("DISABLED"))
    assert find_repositories(call) == {}
    create_repositories(call)
    assert find_repositories(call) == dict.fromkeys(REPOSITORIES, "DOCKER")
    enabled = {"legacyRedirectionState": f"{STATE}ENABLED"}
    assert call("PATCH", f"{SETTINGS}?{MASK}", enabled) == (200, format_settings("ENABLED"))
    assert call("GET", SETTINGS) == (200, format_settings("ENABLED"))


def test_a18_describe_of_a_gcr_io_image_finds_it_at_pkg_dev(call, editor):
    # gcloud refuses in every other state.
    assert call("GET", SETTINGS)[1]["legacyRedirectionState"] == f"{STATE}DISABLED"
    call("PATCH", f"{SETTINGS}?{MASK}", {"legacyRedirectionState": f"{STATE}ENABLED"})
    digest = editor.at("gcr.io").push_image("my-project/app", "v1", b"layer")

    repository = f"{PROJECT}/locations/us/repositories/gcr.io"
    assert call("GET", SETTINGS)[1]["legacyRedirectionState"] == f"{STATE}ENABLED"
    status, found = call("GET", repository)
    assert (status, found["format"]) == (200, "DOCKER")
    package = f"{repository}/packages/app".removeprefix("/v1/")
    tag = {"name": f"{package}/tags/v1", "version": f"{package}/versions/{digest}"}
    assert call("GET", f"{repository}/packages/app/tags/v1") == (200, tag)


def test_a19_migrate_with_canary_reads_sets_a_partial_redirection(call, editor):
    editor.at("eu.gcr.io").push_image("my-project/app", "v1", b"layer")
    assert call("GET", SETTINGS) == (200, format_settings("DISABLED"))
    create_repositories(call)
    tested = {}
    for prefix in BUCKETS:
        bucket = f"{prefix}artifacts.my-project.appspot.com"
        query = "permissions=storage.objects.list&userProject=my-project"
        tested[prefix] = call("GET", f"/storage/v1/b/{bucket}/iam/testPermissions?{query}")
    assert {prefix: status for prefix, (status, _) in tested.items()} == {
        "us.": 404,
        "eu.": 200,
        "asia.": 404,
        "": 404,
    }
    assert tested["eu."][1]["permissions"] == ["storage.objects.list"]

    partial = {"legacyRedirectionState": f"{STATE}PARTIAL_AND_COPYING", "pullPercent": 5}
    expected = (200, format_settings("PARTIAL_AND_COPYING", pullPercent=5))
    assert call("PATCH", f"{SETTINGS}?{MASK}", partial) == expected
    assert call("GET", SETTINGS) == expected
