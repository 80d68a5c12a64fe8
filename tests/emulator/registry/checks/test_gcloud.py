"""Checks 53 and 57 of Container Registry: lists of images as gcloud asks for them, also in a domain.

gcloud itself is in tests/clients/gcloud; these are its requests.
"""

import pytest

APP, DOMAIN = "my-project/app", "example.com/domain-project"
DOMAIN_BUCKET = "artifacts.domain-project.example.com.a.appspot.com"


def split_challenge(answer):
    """Returns realm and service as gcloud reads them: one blank, then commas without blanks."""
    scheme, _, fields = answer.headers["WWW-Authenticate"].partition(" ")
    assert scheme == "Bearer"
    return [field.split("=", 1)[1].strip('"') for field in fields.split(",")]


@pytest.fixture
def list_images(registry):
    """Returns the children of a project, by gcloud's three requests."""

    def ask(project, account):
        realm, service = split_challenge(registry.call("GET", "/v2/"))
        query = f"scope=repository:{project}:pull&service={service}"
        path = realm.removeprefix(f"http://{registry.host}")
        asked = registry.call("GET", f"{path}?{query}", auth=("_token", account.access_token()))
        token = asked.json()["token"]
        listed = registry.call("GET", f"/v2/{project}/tags/list", token=token)
        return listed.status_code, listed.json()

    return ask


@pytest.mark.parametrize("host", ["gcr.io", "gcr.io.localhost"])
def test_check_53_gcloud_lists_the_images_of_a_project(registry, editor, account, list_images, host):
    editor.push_image(APP, "v1", b"layer")
    registry.host = host
    expected = {"child": ["app"], "manifest": {}, "name": "my-project", "tags": []}
    assert list_images("my-project", account) == (200, expected)


def test_check_57_a_project_in_a_domain_has_its_names_and_its_bucket(
    connect, make_account, find_bucket, list_images
):
    client = connect("roles/owner", account="owner", project="example.com:domain-project").at("gcr.io")
    digest = client.push_image(f"{DOMAIN}/app", "v1", b"layer")
    assert find_bucket(DOMAIN_BUCKET) is True
    assert client.at("eu.gcr.io").token(f"repository:{DOMAIN}/app:push,pull")
    assert find_bucket(f"eu.{DOMAIN_BUCKET}") is True

    pulled = client.get(f"/v2/{DOMAIN}/app/manifests/v1", repository=f"{DOMAIN}/app")
    assert (pulled.status_code, pulled.headers["Docker-Content-Digest"]) == (200, digest)
    viewer = make_account("roles/viewer", account="viewer", project="example.com:domain-project")
    expected = {"child": ["app"], "manifest": {}, "name": DOMAIN, "tags": []}
    assert list_images(DOMAIN, viewer) == (200, expected)
