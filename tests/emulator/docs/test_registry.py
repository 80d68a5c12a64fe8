"""docs/registry.md tells the truth: each answer in its table of the two dialects is given to a client."""

import json
import re

import pytest
import requests
from support.backing_services import serve
from support.checkout import DOCS
from support.images import OCI_INDEX, OCI_LAYER_GZIP, OCI_MANIFEST, digest_of
from support.pages import read_table
from support.registry_client import RegistryClient

from docker_credential_gcr.emulator.settings import Settings
from docker_credential_gcr.pytest_plugin import GcrEmulator

PAGE = (DOCS / "registry.md").read_text("utf-8")
ROWS = {request: cells for request, *cells in read_table(PAGE, "request")}
REPOSITORIES = "projects/my-project/locations/us/repositories"
BAD = ("_token", "garbage")

PROBES = {}


class Side:
    """One dialect: its host, an image, and clients of it."""

    def __init__(self, emulator, ca, host, place):
        self.host, self.place, self.image = host, place, f"{place}/app"
        self.is_artifact_registry = host != "gcr.io"
        self.none = "my-project/none/app"
        self._emulator, self._ca = emulator, ca
        emulator.project()
        if self.is_artifact_registry:
            emulator.repository()
        self.editor = self.connect("roles/editor")
        self.anonymous = self._make(None)

    def connect(self, role):
        account = str(role).rpartition("/")[2].lower()
        key = self._emulator.key(role, account=f"account-{account}").read_text()
        return self._make(("_json_key", key))

    def _make(self, auth):
        client = RegistryClient(self._emulator.url, auth, host=self.host)
        client.session.verify = self._ca
        return client

    def api(self, method, path, body=None):
        """Sends a request of the operator to a Google API, which accepts it."""
        self.anonymous.call(method, path, json=body, host="localhost").raise_for_status()

    def open_to_all(self):
        """Lets all users pull."""
        if self.is_artifact_registry:
            bindings = [{"role": "roles/artifactregistry.reader", "members": ["allUsers"]}]
            policy = {"policy": {"bindings": bindings}}
            self.api("POST", f"/v1/{REPOSITORIES}/images:setIamPolicy", policy)
        else:
            bindings = [{"role": "roles/storage.objectViewer", "members": ["allUsers"]}]
            bucket = "artifacts.my-project.appspot.com"
            self.api("PUT", f"/storage/v1/b/{bucket}/iam", {"bindings": bindings})

    def freeze_tags(self):
        """Makes the tags immutable, where there is such a setting."""
        if self.is_artifact_registry:
            body = {"dockerConfig": {"immutableTags": True}}
            self.api("PATCH", f"/v1/{REPOSITORIES}/images?updateMask=dockerConfig", body)

    def disable_service(self):
        service = "artifactregistry" if self.is_artifact_registry else "containerregistry"
        path = f"/v1/projects/my-project/services/{service}.googleapis.com:disable"
        self.api("POST", path, {"disableDependentServices": True})

    def push(self, tag="v1", *layers):
        return self.editor.push_image(self.image, tag, *(layers or (b"layer",)))

    def call(self, client, method, path, *, name=None, actions="pull,push,delete", **options):
        """Returns the response for a resource of an image, to a token for it; without one if anonymous."""
        name = name or self.image
        token = client.token(f"repository:{name}:{actions}") if client.auth else None
        return client.call(method, f"/v2/{name}/{path}", token=token, **options)

    def ask_token(self, client, actions, **options):
        return client.ask_token(f"repository:{self.image}:{actions}", **options)


def probe(request):
    """Adds a function that makes the request of a row at one side, and returns the response."""

    def enter(function):
        PROBES[request] = function
        return function

    return enter


@probe("`/v2/` without a credential")
def _(side):
    return side.anonymous.call("GET", "/v2/")


@probe("a pull without a credential")
def _(side):
    return side.call(side.anonymous, "GET", "manifests/v1")


@probe("a push without a credential")
def _(side):
    return side.call(side.anonymous, "POST", "blobs/uploads/")


@probe("a deletion without a credential")
def _(side):
    return side.call(side.anonymous, "DELETE", "manifests/v1")


@probe("a pull from a public repository, without a credential")
def _(side):
    side.push()
    side.open_to_all()
    assert side.ask_token(side.anonymous, "pull").status_code == 200
    return side.call(side.anonymous, "GET", "manifests/v1")


@probe("a bad credential")
def _(side):
    answer = side.call(side.anonymous, "GET", "manifests/v1", auth=BAD)
    assert ("WWW-Authenticate" in answer.headers) is not side.is_artifact_registry
    return answer


@probe("a bad credential for a token")
def _(side):
    return side.ask_token(side.anonymous, "pull", auth=BAD)


@probe("`/v2/` with a credential")
def _(side):
    answer = side.editor.call("GET", "/v2/", auth=side.editor.auth)
    assert answer.content == (b"" if side.is_artifact_registry else b"{}")
    return answer


@probe("a token")
def _(side):
    answer = side.ask_token(side.editor, "pull")
    expected = {"token", "expires_in"} | (
        set() if side.is_artifact_registry else {"access_token", "issued_at"}
    )
    assert set(answer.json()) == expected
    return answer


@probe("a token for one image, used for another one")
def _(side):
    side.push()
    token = side.editor.token(f"repository:{side.place}/other:pull")
    return side.anonymous.call("GET", f"/v2/{side.image}/manifests/v1", token=token)


@probe("POST /v2/token")
def _(side):
    return side.anonymous.call("POST", "/v2/token", data={"grant_type": "password"})


@probe("a token for a pull, no credential")
def _(side):
    return side.ask_token(side.anonymous, "pull")


@probe("a token for a pull, no permission")
def _(side):
    return side.ask_token(side.connect(None), "pull")


@probe("a token for a push, no credential")
def _(side):
    return side.ask_token(side.anonymous, "push,pull")


@probe("a token for a push, no permission")
def _(side):
    return side.ask_token(side.connect(None), "push,pull")


@probe("a deletion, no permission")
def _(side):
    side.push()
    viewer = side.connect("roles/viewer")
    return viewer.call("DELETE", f"/v2/{side.image}/manifests/v1", auth=viewer.auth)


@probe("a token with the API disabled")
def _(side):
    side.disable_service()
    return side.ask_token(side.editor, "pull")


@probe("a name of one segment")
def _(side):
    return side.anonymous.call("GET", "/v2/my-project/manifests/v1")


@probe("a push without an image's name")
def _(side):
    return side.editor.call("POST", f"/v2/{side.place}/blobs/uploads/", auth=side.editor.auth)


@probe("a deleted project; a repository that does not exist")
def _(side):
    if side.is_artifact_registry:
        return side.call(side.editor, "GET", "manifests/v1", name=side.none)
    side.api("DELETE", "/v1/projects/my-project")
    return side.editor.call("GET", f"/v2/{side.image}/manifests/v1", auth=side.editor.auth)


@probe("the first push")
def _(side):
    name = side.none if side.is_artifact_registry else side.image
    return side.call(side.editor, "POST", "blobs/uploads/", name=name)


@probe("an unknown tag or digest")
def _(side):
    return side.call(side.editor, "GET", "manifests/none")


@probe("a type that the client does not accept")
def _(side):
    side.push()
    return side.call(side.editor, "GET", "manifests/v1", headers={"Accept": "a/b"})


@probe("an index that names blobs, such as BuildKit's cache")
def _(side):
    layer = side.editor.push_blob(side.image, b"layer", OCI_LAYER_GZIP)
    index = {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [layer]}
    return side.editor.put_manifest(side.image, "cache", index, OCI_INDEX)


@probe("moving an immutable tag")
def _(side):
    side.push("v1")
    data = side.call(side.editor, "GET", f"manifests/{side.push('v2', b'other')}").content
    side.freeze_tags()
    return side.editor.put_manifest(side.image, "v1", data)


@probe("deleting an immutable tag")
def _(side):
    side.push()
    side.freeze_tags()
    return side.call(side.editor, "DELETE", "manifests/v1")


@probe("deleting a digest that has a tag")
def _(side):
    return side.call(side.editor, "DELETE", f"manifests/{side.push()}")


@probe("deleting a digest that an index names")
def _(side):
    child = {"mediaType": OCI_MANIFEST, "digest": side.push(), "size": 1}
    index = {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [child]}
    side.editor.put_manifest(side.image, "all", index, OCI_INDEX)
    side.call(side.editor, "DELETE", "manifests/v1")
    return side.call(side.editor, "DELETE", f"manifests/{child['digest']}")


@probe("deleting a digest that has referrers")
def _(side):
    digest = side.push()
    document = json.loads(side.call(side.editor, "GET", "manifests/v1").content)
    subject = {"mediaType": OCI_MANIFEST, "digest": digest, "size": 1}
    side.editor.put_manifest(side.image, "about", {**document, "subject": subject})
    side.call(side.editor, "DELETE", "manifests/v1")
    return side.call(side.editor, "DELETE", f"manifests/{digest}")


@probe("deleting an unknown tag or digest")
def _(side):
    return side.call(side.editor, "DELETE", "manifests/none")


@probe("`tags/list` of an image without any content")
def _(side):
    return side.call(side.editor, "GET", "tags/list", actions="pull")


@probe("`tags/list` of an image")
def _(side):
    digest = side.push()
    answer = side.call(side.editor, "GET", "tags/list")
    assert ("layerId" in answer.json()["manifest"][digest]) is not side.is_artifact_registry
    return answer


@probe("`tags/list?n=1000` of more tags")
def _(side):
    data = side.call(side.editor, "GET", f"manifests/{side.push()}").content
    for first in range(0, 1000, 125):
        tags = "&".join(f"tag=t{number}" for number in range(first, first + 125))
        side.editor.put_manifest(side.image, f"{digest_of(data)}?{tags}", data)
    answer = side.call(side.editor, "GET", "tags/list?n=1000")
    assert len(answer.json()["tags"]) == (1000 if side.is_artifact_registry else 1001)
    assert ("Link" in answer.headers) is side.is_artifact_registry
    return answer


@probe("`_catalog` without a credential")
def _(side):
    return side.anonymous.call("GET", "/v2/_catalog")


@probe("a link to a blob, with `--redirect-blobs`")
def _(side):
    side.push()
    return side.call(side.editor, "GET", f"blobs/{digest_of(b'layer')}")


@pytest.fixture(scope="module")
def ready():
    with serve(Settings(port=0, tls=True, redirect_blobs=True)) as ready:
        yield ready


@pytest.fixture(
    params=[("gcr.io", "my-project"), ("us-docker.pkg.dev", "my-project/images")], ids=lambda x: x[0]
)
def side(request, ready, tmp_path):
    """Returns each side in turn, of an empty emulator."""
    with requests.Session() as session:
        session.trust_env, session.verify = False, ready.ca
        emulator = GcrEmulator(session, ready.url, ready.registry, tmp_path)
        emulator.reset()
        yield Side(emulator, ready.ca, *request.param)


def describe(answer):
    """Returns all that an answer says, as the page writes it."""
    try:
        document = answer.json()
    except requests.JSONDecodeError:
        document = answer.text
    errors = document.get("errors", []) if isinstance(document, dict) else []
    said = [text for error in errors for text in (error["code"], error["message"])]
    headers = [f"{name}: {value}" for name, value in answer.headers.items()]
    return "\n".join([*headers, json.dumps(document), *said])


def test_every_row_is_probed():
    assert list(ROWS) == list(PROBES)


@pytest.mark.parametrize("request_", ROWS)
def test_a_row_has_the_answers_of_both_dialects(side, request_):
    cell = ROWS[request_][side.is_artifact_registry]
    answer = PROBES[request_](side)
    said = describe(answer)

    assert answer.status_code == int(cell[:3])
    for quoted in re.findall(r"`([^`]+)`", cell):
        pattern = ".*".join(map(re.escape, quoted.split("…")))
        assert re.search(pattern, said, re.DOTALL), (quoted, said)
