"""Checks 1 to 13 and 21 of Artifact Registry: gcr.io names of projects that have left Container Registry.

Checks 14 to 20 are in tests/emulator/google/artifact_registry and tests/clients/gcloud.
"""

import itertools
import json

import pytest
import requests
from support.accounts import Account
from support.backing_services import serve
from support.images import OCI_MANIFEST, digest_of
from support.registry_client import RegistryClient

from docker_credential_gcr.emulator.identity.redirection import RegistryKind
from docker_credential_gcr.emulator.settings import Settings
from docker_credential_gcr.pytest_plugin import GcrEmulator

GCR, PKG = "gcr.io", "us-docker.pkg.dev"
# The host of gcr.io -> where its images are.
REPOSITORIES = {
    "gcr.io": (PKG, "us"),
    "us.gcr.io": (PKG, "us"),
    "eu.gcr.io": ("europe-docker.pkg.dev", "europe"),
    "asia.gcr.io": ("asia-docker.pkg.dev", "asia"),
}
WRITER, CREATOR = "roles/artifactregistry.writer", "roles/artifactregistry.createOnPushWriter"
REDIRECTED = "X-Gcr-Using-Artifact-Registry"
DATA = b"the bytes of a layer"
SHUT_DOWN = (
    "Container Registry is deprecated and shutting down, please use the auto migration tool to migrate to "
    "Artifact Registry (gcloud artifacts docker upgrade migrate --projects='{0}'). For more details see: "
    "https://cloud.google.com/artifact-registry/docs/transition/auto-migrate-gcr-ar"
)


class Emulated:
    """An emulator whose new projects are of one kind."""

    def __init__(self, ready, session, directory):
        self.ready = ready
        self._emulator = GcrEmulator(session, ready.url, ready.registry, directory)
        self._numbers = itertools.count(1)

    def make_project(self):
        """Creates a project of its own for a test."""
        return self._emulator.project(f"project-{next(self._numbers)}")

    def connect(self, role, project, host=GCR):
        """Returns a client of a new account with the role, or with None."""
        account = f"account-{next(self._numbers)}"
        key = self._emulator.key(role, project=project, account=account).read_text()
        client = RegistryClient(self.ready.url, ("_json_key", key), host=host)
        client.account = Account(self.ready.url, json.loads(key))
        return client

    def call_api(self, method, path, body=None):
        """Returns status and body of a request of the operator to Google's APIs."""
        answer = requests.request(method, f"{self.ready.url}/v1/{path}", json=body, timeout=30)
        return answer.status_code, answer.json()

    def anonymous(self, host=GCR):
        return RegistryClient(self.ready.url, host=host)


def serve_kind(tmp_path_factory, **settings):
    """Yields an emulator with these settings."""
    with serve(Settings(port=0, **settings)) as ready, requests.Session() as session:
        session.trust_env = False
        yield Emulated(ready, session, tmp_path_factory.mktemp("keys"))


@pytest.fixture(scope="module")
def shut_down(tmp_path_factory):
    yield from serve_kind(tmp_path_factory, registry=RegistryKind.SHUT_DOWN)


@pytest.fixture(scope="module")
def redirected(tmp_path_factory):
    yield from serve_kind(tmp_path_factory, registry=RegistryKind.ARTIFACT_REGISTRY)


@pytest.fixture(scope="module")
def linking(tmp_path_factory):
    yield from serve_kind(tmp_path_factory, registry=RegistryKind.ARTIFACT_REGISTRY, redirect_blobs=True)


@pytest.fixture
def project(redirected):
    return redirected.make_project()


def refusal(answer):
    (error,) = answer.json()["errors"]
    return answer.status_code, error["code"], error["message"]


def told(answer):
    return answer.status_code, answer.headers["Content-Type"], answer.content.decode()


def gone(project, *, body=True):
    return 412, "text/plain; charset=utf-8", SHUT_DOWN.format(project) if body else ""


def missing_permission(verb, project, host=GCR):
    location = REPOSITORIES[host][1]
    permission = f"artifactregistry.repositories.{verb}"
    resource = f"projects/{project}/locations/{location}/repositories/{host}"
    return 403, "DENIED", f'Permission "{permission}" denied on resource "{resource}" (or it may not exist)'


DIGEST = digest_of(DATA)
# Each resource of an image: (method, path after /v2/NAME/).
RESOURCES = [
    ("GET", "manifests/v1"),
    ("PUT", "manifests/v1"),
    ("DELETE", "manifests/v1"),
    ("GET", f"blobs/{DIGEST}"),
    ("DELETE", f"blobs/{DIGEST}"),
    ("POST", "blobs/uploads/"),
    ("PATCH", f"blobs/uploads/{'0' * 24}-0"),
    ("GET", "tags/list"),
    ("GET", f"referrers/{DIGEST}"),
]


def test_a01_a_shut_down_project_is_412_in_plain_text_before_any_credential(shut_down):
    project = shut_down.make_project()
    anonymous, owner = shut_down.anonymous(), shut_down.connect("roles/owner", project)
    assert told(anonymous.call("HEAD", f"/v2/{project}/app/manifests/v1")) == gone(project, body=False)
    for host, client in itertools.product(REPOSITORIES, (anonymous, owner)):
        for method, path in RESOURCES:
            answer = client.call(method, f"/v2/{project}/app/{path}", host=host, auth=client.auth)
            assert told(answer) == gone(project), (host, method, path)
    assert told(anonymous.call("GET", f"/v2/{project}/tags/list")) == gone(project)
    assert anonymous.call("GET", "/v2/").status_code == 401


@pytest.mark.parametrize("actions", ["pull", "push,pull", "*"])
def test_a02_a_shut_down_project_is_412_at_the_token_endpoint(shut_down, actions):
    project = shut_down.make_project()
    owner = shut_down.connect("roles/owner", project)
    scope, query = f"repository:{project}/app:{actions}", "service=gcr.io"
    for options in ({"token": owner.account.access_token()}, {"auth": owner.auth}, {}):
        answer = shut_down.anonymous().ask_token(scope, query=query, **options)
        assert told(answer) == gone(project)


def test_a03_the_text_is_what_docker_shows_and_pkg_dev_goes_on(shut_down):
    project = shut_down.make_project()
    owner = shut_down.connect("roles/owner", project)
    # docker: `error parsing HTTP 412 response body: invalid character 'C' looking for beginning of value`
    text = owner.call("GET", f"/v2/{project}/app/manifests/v1").text
    with pytest.raises(json.JSONDecodeError):
        json.loads(text)
    assert text.startswith("Container Registry is deprecated and shutting down")

    path = f"projects/{project}/locations/us/repositories?repositoryId=images"
    assert shut_down.call_api("POST", path, {"format": "DOCKER"})[0] == 200
    assert owner.at(PKG).push_image(f"{project}/images/app", "v1", DATA)


@pytest.mark.parametrize("host", REPOSITORIES)
def test_a04_a_writer_does_not_create_the_repository_by_a_push(redirected, project, host):
    writer = redirected.connect(WRITER, project, host)
    answer = writer.ask_token(f"repository:{project}/app:push,pull", query=f"service={host}")
    text = (
        f"{host} repo does not exist. Creating on push requires the "
        "artifactregistry.repositories.createOnPush permission"
    )
    assert refusal(answer) == (403, "DENIED", text)
    pushed = writer.call("POST", f"/v2/{project}/app/blobs/uploads/", token=writer.account.access_token())
    assert refusal(pushed) == (403, "DENIED", text)
    path = f"projects/{project}/locations/{REPOSITORIES[host][1]}/repositories/{host}"
    assert redirected.call_api("GET", path)[0] == 404


def test_a05_a_writer_with_create_on_push_creates_it(redirected, project):
    creator = redirected.connect(CREATOR, project)
    # Not by its name at pkg.dev.
    uploads = f"/v2/{project}/gcr.io/app/blobs/uploads/"
    refused = creator.call("POST", uploads, host=PKG, auth=creator.auth)
    assert refusal(refused) == (404, "NAME_UNKNOWN", 'Repository "gcr.io" not found')
    digest = creator.push_image(f"{project}/app", "v1", DATA)
    status, made = redirected.call_api("GET", f"projects/{project}/locations/us/repositories/gcr.io")
    assert (status, made["format"], made["mode"]) == (200, "DOCKER", "STANDARD_REPOSITORY")
    # Then any writer pushes, and a reader pulls.
    assert redirected.connect(WRITER, project).push_image(f"{project}/app", "v2", DATA) == digest
    reader = redirected.connect("roles/artifactregistry.reader", project)
    pulled = reader.get(f"/v2/{project}/app/manifests/v2", repository=f"{project}/app")
    assert (pulled.status_code, pulled.headers["Docker-Content-Digest"]) == (200, digest)


@pytest.mark.parametrize("host", REPOSITORIES)
def test_a06_each_host_has_its_repository_in_its_location(redirected, project, host):
    redirected.connect(CREATOR, project, host).push_image(f"{project}/app", "v1", DATA)
    location = REPOSITORIES[host][1]
    name = f"projects/{project}/locations/{location}/repositories/{host}"
    status, made = redirected.call_api("GET", name)
    assert (status, made["name"]) == (200, name)
    status, listed = redirected.call_api("GET", f"projects/{project}/locations/{location}/repositories")
    assert (status, [each["name"] for each in listed["repositories"]]) == (200, [name])
    # No bucket is created.
    status, buckets = redirected.call_api("GET", f"../storage/v1/b?project={project}")
    assert (status, buckets.get("items", [])) == (200, [])


@pytest.mark.parametrize("host", REPOSITORIES)
def test_a07_an_image_has_two_names(redirected, project, host):
    editor = redirected.connect("roles/editor", project, host)
    mine = editor.at(REPOSITORIES[host][0])
    short, whole = f"{project}/dir/app", f"{project}/{host}/dir/app"
    first = editor.push_image(short, "v1", DATA)
    second = mine.push_image(whole, "v2", DATA, b"another layer")
    assert first != second
    for tag, digest in (("v1", first), ("v2", second)):
        for client, name in ((editor, short), (mine, whole)):
            for reference in (tag, digest):
                pulled = client.get(f"/v2/{name}/manifests/{reference}", repository=name)
                assert (pulled.status_code, digest_of(pulled.content)) == (200, digest)
            blob = client.get(f"/v2/{name}/blobs/{DIGEST}", repository=name)
            assert (blob.status_code, blob.content) == (200, DATA)
    for client, name in ((editor, short), (mine, whole)):
        listed = client.get(f"/v2/{name}/tags/list", repository=name).json()
        assert (listed["name"], listed["tags"], set(listed["manifest"])) == (
            name,
            ["v1", "v2"],
            {first, second},
        )
    assert mine.delete(f"/v2/{whole}/manifests/v1", repository=whole).status_code == 202
    assert editor.get(f"/v2/{short}/manifests/v1", repository=short).status_code == 404


def test_a08_roles_of_storage_count_for_nothing(redirected, project):
    redirected.connect(CREATOR, project).push_image(f"{project}/app", "v1", DATA)
    admin = redirected.connect("roles/storage.admin", project)
    for actions, verb in (("push,pull", "uploadArtifacts"), ("pull", "downloadArtifacts")):
        answer = admin.ask_token(f"repository:{project}/app:{actions}")
        assert refusal(answer) == missing_permission(verb, project)
    token = admin.account.access_token()
    pulled = admin.call("GET", f"/v2/{project}/app/manifests/v1", token=token)
    assert refusal(pulled) == missing_permission("downloadArtifacts", project)


def test_a09_answers_for_gcr_io_names_say_that_artifact_registry_gave_them(redirected, project):
    editor = redirected.connect("roles/editor", project)
    editor.push_image(f"{project}/app", "v1", DATA)
    token = editor.token(f"repository:{project}/app:pull,push")
    for method, path, status in (
        ("GET", "manifests/v1", 200),
        ("HEAD", "manifests/v1", 200),
        ("GET", "manifests/none", 404),
        ("GET", f"blobs/{DIGEST}", 200),
        ("GET", "tags/list", 200),
        ("POST", "blobs/uploads/", 202),
    ):
        answer = editor.call(method, f"/v2/{project}/app/{path}", token=token)
        assert (answer.status_code, answer.headers.get(REDIRECTED)) == (status, "true"), (method, path)
    assert editor.ask_token(f"repository:{project}/app:pull").headers[REDIRECTED] == "true"

    name = f"{project}/gcr.io/app"
    pulled = editor.at(PKG).get(f"/v2/{name}/manifests/v1", repository=name)
    assert (pulled.status_code, REDIRECTED in pulled.headers) == (200, False)


def test_a09_answers_of_container_registry_do_not_say_so(registry, editor):
    editor.push_image("my-project/app", "v1", DATA)
    editor.host = GCR
    for answer in (
        editor.get("/v2/my-project/app/manifests/v1"),
        editor.ask_token("repository:my-project/app:pull"),
        registry.call("GET", "/v2/"),
    ):
        assert REDIRECTED not in answer.headers


def test_a11_ping_is_challenged_with_an_unquoted_service_and_a_token_opens_it(redirected, project):
    anonymous = redirected.anonymous()
    answer = anonymous.call("GET", "/v2/")
    challenge = f'Bearer realm="http://{GCR}/v2/token",service={GCR}'
    assert (answer.status_code, answer.headers["WWW-Authenticate"]) == (401, challenge)
    account = redirected.connect("roles/viewer", project).account
    # docker, gcloud and crane log in without a scope.
    for auth in (("oauth2accesstoken", account.access_token()), ("_token", account.access_token())):
        token = anonymous.token(query=f"account={auth[0]}&service={GCR}", auth=auth)
        assert anonymous.call("GET", "/v2/", token=token).status_code == 200


def test_a12_the_usage_of_a_host_says_whether_the_project_is_redirected(redirected, project):
    editor = redirected.connect("roles/editor", project)
    editor.push_image(f"{project}/app", "v1", DATA)
    path = f"/v2/{project}/tags/list?check_usage_only=true"
    for state, usage in (
        ("ENABLED", "REDIRECTED"),
        ("ENABLED_AND_COPYING", "REDIRECTION_INCOMPLETE"),
        ("FINALIZED", "REDIRECTED"),
    ):
        settings = {"legacyRedirectionState": f"REDIRECTION_FROM_GCR_IO_{state}"}
        mask = "updateMask=legacy_redirection_state"
        status, _ = redirected.call_api("PATCH", f"projects/{project}/projectSettings?{mask}", settings)
        assert status == 200
        assert editor.get(path, repository=project).json() == {"usage": usage}
    name = f"{project}/gcr.io"
    at_pkg = editor.at(PKG).get(f"/v2/{name}/tags/list?check_usage_only=true", repository=name)
    assert at_pkg.json() == {"usage": "ACTIVE"}


def test_a13_gcloud_container_images_lists_a_redirected_project(redirected, project):
    """Sends the requests of `gcloud container images list` and `list-tags`."""
    editor = redirected.connect("roles/editor", project)
    digest = editor.push_image(f"{project}/app", "v1", DATA)
    editor.push_image(f"{project}/dir/other", "v1", DATA)
    auth = ("_token", editor.account.access_token())

    def list_tags(name):
        token = editor.token(f"repository:{name}:pull", query=f"service={GCR}", auth=auth)
        return editor.call("GET", f"/v2/{name}/tags/list", token=token).json()

    assert list_tags(project) == {"child": ["app", "dir"], "manifest": {}, "name": project, "tags": []}
    image = list_tags(f"{project}/app")
    (entry,) = image["manifest"].values()
    assert image == {
        "child": [],
        "manifest": {digest: entry},
        "name": f"{project}/app",
        "tags": ["v1"],
    }
    assert entry == {
        "imageSizeBytes": entry["imageSizeBytes"],
        "mediaType": OCI_MANIFEST,
        "tag": ["v1"],
        "timeCreatedMs": "1767323045678",
        "timeUploadedMs": entry["timeUploadedMs"],
    }
    # gcloud parses them as numbers.
    assert min(int(entry["imageSizeBytes"]), int(entry["timeUploadedMs"])) > 0


def test_a21_a_public_repository_is_pulled_without_a_token(redirected, project):
    editor = redirected.connect("roles/editor", project)
    digest = editor.push_image(f"{project}/app", "v1", DATA)
    repository = f"projects/{project}/locations/us/repositories/gcr.io"
    bindings = [{"role": "roles/artifactregistry.reader", "members": ["allUsers"]}]
    policy = {"policy": {"bindings": bindings}}
    anonymous = redirected.anonymous()
    refused = anonymous.call("GET", f"/v2/{project}/app/manifests/v1")
    assert refused.status_code == 401
    assert redirected.call_api("POST", f"{repository}:setIamPolicy", policy)[0] == 200

    for host, name in ((GCR, f"{project}/app"), (PKG, f"{project}/gcr.io/app")):
        client = anonymous.at(host)
        pulled = client.call("GET", f"/v2/{name}/manifests/v1")
        assert (pulled.status_code, digest_of(pulled.content)) == (200, digest)
        assert client.call("GET", f"/v2/{name}/blobs/{DIGEST}").content == DATA
        assert client.call("GET", f"/v2/{name}/tags/list").json()["tags"] == ["v1"]
        assert client.call("POST", f"/v2/{name}/blobs/uploads/").status_code == 401
        # docker asks for a token all the same.
        token = client.token(f"repository:{name}:pull")
        assert client.call("GET", f"/v2/{name}/manifests/v1", token=token).status_code == 200


def test_a10_a_blob_is_a_link_of_the_same_host_that_needs_no_credential(linking):
    project = linking.make_project()
    editor = linking.connect("roles/editor", project)
    editor.push_image(f"{project}/app", "v1", DATA)
    answer = editor.get(f"/v2/{project}/app/blobs/{DIGEST}", repository=f"{project}/app")
    location = answer.headers["Location"]
    prefix = f"/artifacts-downloads/namespaces/{project}/repositories/gcr.io/downloads/"
    assert (answer.status_code, location.startswith(prefix)) == (302, True)
    whole = linking.anonymous().call("GET", location)
    assert (whole.status_code, whole.content) == (200, DATA)
    part = linking.anonymous().call("GET", location, headers={"Range": "bytes=4-8"})
    assert (part.status_code, part.content) == (206, DATA[4:9])


def test_a12_usage_alone_is_redirected(redirected, project):
    editor = redirected.connect("roles/editor", project)
    editor.push_image(f"{project}/app", "v1", DATA)
    for name in (project, f"{project}/app"):
        answer = editor.get(f"/v2/{name}/tags/list?check_usage_only=true", repository=name)
        assert (answer.status_code, answer.json()) == (200, {"usage": "REDIRECTED"})
