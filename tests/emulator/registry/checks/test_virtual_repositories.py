"""Checks 48 to 50 of Artifact Registry: virtual repositories answer from upstreams, and take no pushes."""

import pytest
import requests
from support.images import OCI_MANIFEST, digest_of
from support.registry_client import RegistryClient

REPOSITORIES = "/v1/projects/my-project/locations/us/repositories"
APP = "my-project/all/app"


def name_of(repository, project="my-project", location="us"):
    return f"projects/{project}/locations/{location}/repositories/{repository}"


def policies(**priorities):
    found = [
        {"id": name, "repository": name_of(name), "priority": priority}
        for name, priority in priorities.items()
    ]
    return {"virtualRepositoryConfig": {"upstreamPolicies": found}}


@pytest.fixture
def make_virtual(make_repository):
    """Returns a function that creates a virtual repository: name=priority for each upstream."""
    return lambda virtual, **priorities: make_repository(
        virtual, mode="VIRTUAL_REPOSITORY", **policies(**priorities)
    )


@pytest.fixture
def ask(gcr_emulator):
    """Returns a function that sends a request below the repositories; it returns status and body."""

    def send(method, path="", body=None):
        url = f"{gcr_emulator.url}{REPOSITORIES}{path}"
        answer = requests.request(method, url, json=body, timeout=30)
        return answer.status_code, answer.json()

    return send


@pytest.fixture
def two(artifacts, make_repository, make_virtual):
    """Creates r and s with images, and the virtual repository `all` over them; returns the digests."""
    make_repository("s")
    make_virtual("all", r=80, s=100)
    return {
        "r:v1": artifacts.push_image("my-project/r/app", "v1", b"of r"),
        "s:v1": artifacts.push_image("my-project/s/app", "v1", b"of s"),
        "r:v2": artifacts.push_image("my-project/r/app", "v2", b"only in r"),
    }


@pytest.fixture
def call(artifacts):
    return lambda method, path, **options: artifacts.call(method, path, token=artifacts.token(), **options)


def told(answer):
    (error,) = answer.json()["errors"]
    return answer.status_code, error["code"], error["message"]


def test_a48_the_greater_priority_answers_and_the_lower_one_has_the_rest(two, call):
    served = {
        reference: call("GET", f"/v2/{APP}/manifests/{reference}").headers["Docker-Content-Digest"]
        for reference in ("v1", "v2", two["r:v1"])
    }

    assert served == {"v1": two["s:v1"], "v2": two["r:v2"], two["r:v1"]: two["r:v1"]}
    for data in (b"of r", b"of s", b"only in r"):
        path = f"/v2/{APP}/blobs/{digest_of(data)}"
        assert call("GET", path).content == data
        assert call("HEAD", path).headers["Content-Length"] == str(len(data))
    assert told(call("GET", f"/v2/{APP}/manifests/v3")) == (
        404,
        "MANIFEST_UNKNOWN",
        'Failed to fetch "v3"',
    )


def test_a48_a_reader_of_the_virtual_repository_alone_can_pull(two, gcr_emulator, call_api, connect):
    reader = connect(role=None, account="reader")
    member = "serviceAccount:reader@my-project.iam.gserviceaccount.com"
    binding = {"role": "roles/artifactregistry.reader", "members": [member]}
    call_api("POST", f"{REPOSITORIES}/all:setIamPolicy", {"policy": {"bindings": [binding]}})
    client = RegistryClient(gcr_emulator.url, reader.auth, host="us-docker.pkg.dev")

    token = client.token("repository:my-project/all/app:pull")
    answer = client.call("GET", f"/v2/{APP}/manifests/v1", token=token)
    assert answer.headers["Docker-Content-Digest"] == two["s:v1"]
    refused = client.call("GET", "/v2/my-project/s/app/manifests/v1", token=token)
    assert refused.status_code == 403


def test_a48_tags_and_referrers_of_all_upstreams_are_listed_once(two, call, artifacts):
    subject = two["s:v1"]
    for repository, text in (("r", b"one"), ("s", b"two"), ("s", b"three")):
        config = artifacts.push_blob(f"my-project/{repository}/app", b"{}", "application/x.test")
        layer = artifacts.push_blob(f"my-project/{repository}/app", text)
        document = {
            "schemaVersion": 2,
            "mediaType": OCI_MANIFEST,
            "config": config,
            "layers": [layer],
            "subject": {"mediaType": OCI_MANIFEST, "digest": subject, "size": 1},
        }
        assert artifacts.put_manifest(f"my-project/{repository}/app", text.decode(), document).ok

    listed = call("GET", f"/v2/{APP}/tags/list").json()
    tags = {tag: digest for digest, each in listed["manifest"].items() for tag in each["tag"]}
    assert listed["tags"] == ["one", "three", "two", "v1", "v2"] == sorted(tags)
    assert (tags["v1"], tags["v2"]) == (two["s:v1"], two["r:v2"])
    assert call("GET", "/v2/my-project/all/tags/list").json()["child"] == ["app"]
    page = call("GET", f"/v2/{APP}/tags/list?n=2")
    assert page.json()["tags"] == ["one", "three"]
    assert call("GET", page.links["next"]["url"]).json()["tags"] == ["two", "v1"]
    whole = call("GET", f"/v2/{APP}/referrers/{subject}").json()["manifests"]
    assert len(whole) == 3
    found, path = [], f"/v2/{APP}/referrers/{subject}?n=1"
    while path:
        answer = call("GET", path)
        found += answer.json()["manifests"]
        path = answer.links.get("next", {}).get("url")
    assert found == whole


def test_a48_an_upstream_of_another_project_is_read_with_the_role_of_the_agent(
    gcr_emulator, call_api, call, make_repository
):
    gcr_emulator.project("other-project")
    theirs = "/v1/projects/other-project/locations/us/repositories"
    call_api("POST", f"{theirs}?repositoryId=t", {"format": "DOCKER"})
    key = gcr_emulator.key("roles/editor", account="theirs", project="other-project")
    policy = {"id": "t", "repository": name_of("t", "other-project"), "priority": 1000}
    config = {"virtualRepositoryConfig": {"upstreamPolicies": [policy]}}
    make_repository("far", mode="VIRTUAL_REPOSITORY", **config)
    pusher = RegistryClient(gcr_emulator.url, ("_json_key", key.read_text()), host="us-docker.pkg.dev")
    digest = pusher.push_image("other-project/t/app", "v1", b"theirs")

    assert call("GET", "/v2/my-project/far/app/manifests/v1").status_code == 404
    number = call_api("GET", "/v1/projects/my-project")["projectNumber"]
    agent = f"serviceAccount:service-{number}@gcp-sa-artifactregistry.iam.gserviceaccount.com"
    binding = {"role": "roles/artifactregistry.reader", "members": [agent]}
    call_api("POST", f"{theirs}/t:setIamPolicy", {"policy": {"bindings": [binding]}})
    answer = call("GET", "/v2/my-project/far/app/manifests/v1")
    assert answer.headers["Docker-Content-Digest"] == digest


def test_a49_a_patch_without_a_mask_replaces_the_policies(two, call, ask):
    status, document = ask("GET", "/all")
    assert (status, document["mode"]) == (200, "VIRTUAL_REPOSITORY")
    assert document["virtualRepositoryConfig"] == policies(r=80, s=100)["virtualRepositoryConfig"]

    status, changed = ask("PATCH", "/all", {**document, **policies(r=100)})
    assert (status, changed["virtualRepositoryConfig"]) == (200, policies(r=100)["virtualRepositoryConfig"])
    assert call("GET", f"/v2/{APP}/manifests/v1").headers["Docker-Content-Digest"] == two["r:v1"]
    assert ask("PATCH", "/all?updateMask=description", {"description": "Both"})[1]["description"] == "Both"
    assert ask("GET", "/all")[1]["virtualRepositoryConfig"] == changed["virtualRepositoryConfig"]
    assert ask("GET", "/all/dockerImages") == (200, {})


READ_ONLY = (
    400,
    "UNSUPPORTED",
    'Repository "all" is a virtual repository, which is read-only: push to one of its upstream repositories',
)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "blobs/uploads/"),
        ("POST", f"blobs/uploads/?mount={digest_of(b'of r')}&from=my-project/r/app"),
        ("PUT", "manifests/v1"),
        ("DELETE", "manifests/v1"),
        ("DELETE", f"blobs/{digest_of(b'of r')}"),
    ],
)
def test_a50_a_push_and_a_deletion_are_refused(two, call, method, path):
    assert told(call(method, f"/v2/{APP}/{path}", data=b"{}")) == READ_ONLY
    assert call("GET", f"/v2/{APP}/manifests/v1").headers["Docker-Content-Digest"] == two["s:v1"]


def test_a_virtual_repository_over_another_one_and_a_deleted_one(two, call, make_virtual, ask):
    make_virtual("outer", all=1)
    outer = "/v2/my-project/outer/app/manifests/v1"
    assert call("GET", outer).headers["Docker-Content-Digest"] == two["s:v1"]

    assert ask("DELETE", "/s")[0] == 200
    assert call("GET", outer).headers["Docker-Content-Digest"] == two["r:v1"]


def test_a_loop_is_refused(two, ask, make_virtual):
    assert two
    make_virtual("outer", all=1)
    before = ask("GET", "/all")[1]["virtualRepositoryConfig"]
    loops = [("/all", policies(outer=1)), ("/all", policies(all=1)), ("/outer", policies(outer=1))]
    for path, body in loops:
        status, document = ask("PATCH", f"{path}?updateMask=virtualRepositoryConfig", body)
        message = f"the virtual repository {name_of(path[1:])} would be an upstream of itself"
        assert (status, document["error"]["message"]) == (400, message)
    assert ask("GET", "/all")[1]["virtualRepositoryConfig"] == before


def upstream(**changes):
    policy = {"id": "a", "repository": name_of("r"), "priority": 1, **changes}
    return {"virtualRepositoryConfig": {"upstreamPolicies": [policy]}}


WRONG = {
    "standard": (
        {**upstream(), "mode": "STANDARD_REPOSITORY"},
        "virtualRepositoryConfig can only be set for the mode VIRTUAL_REPOSITORY",
    ),
    "no id": (upstream(id=""), "each of the upstreamPolicies must have an id"),
    "no name": (
        upstream(repository="r"),
        "the repository of the upstream policy 'a' must be "
        "projects/PROJECT/locations/LOCATION/repositories/REPOSITORY",
    ),
    "missing": (
        upstream(repository=name_of("none")),
        f"the upstream repository {name_of('none')} does not exist",
    ),
    "elsewhere": (
        upstream(repository=name_of("r", location="asia")),
        f"the upstream repository {name_of('r', location='asia')} must be at the location us",
    ),
    "twice": (
        {
            "virtualRepositoryConfig": {
                "upstreamPolicies": [
                    {"id": name, "repository": name_of("r"), "priority": 1} for name in ("a", "b")
                ]
            }
        },
        "two of the upstreamPolicies have the same repository",
    ),
    "too many": (
        {
            "virtualRepositoryConfig": {
                "upstreamPolicies": [{"id": str(number), "repository": "x"} for number in range(31)]
            }
        },
        "upstreamPolicies may hold at most 30 policies",
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_upstream_policies_that_are_wrong_are_refused(artifacts, ask, name):
    assert artifacts
    body, message = WRONG[name]
    status, document = ask(
        "POST", "?repositoryId=v", {"format": "DOCKER", "mode": "VIRTUAL_REPOSITORY", **body}
    )

    assert (status, document["error"]["message"]) == (400, message)
    assert ask("GET", "/v")[0] == 404


def test_the_mode_cannot_be_changed(two, ask):
    assert two
    for path, mode in (("/all", "STANDARD_REPOSITORY"), ("/r", "VIRTUAL_REPOSITORY")):
        assert ask("PATCH", f"{path}?updateMask=mode", {"mode": mode})[0] == 400
