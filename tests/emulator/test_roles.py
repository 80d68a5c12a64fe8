"""Every role, wherever it is granted, allows what Google's tables say; refusals name the permission.

Each cell of the tables is one HTTP request, to Google's APIs or to one of both registries. The expected
permissions are copied from Google's documentation, not derived from the emulator's own table.
https://cloud.google.com/iam/docs/understanding-roles
https://cloud.google.com/storage/docs/access-control/iam-roles
https://cloud.google.com/artifact-registry/docs/access-control
https://cloud.google.com/container-registry/docs/access-control
"""

import contextlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from docker_credential_gcr.emulator.app import Emulator
from docker_credential_gcr.emulator.data_directory import DataDirectory
from docker_credential_gcr.emulator.identity.roles import BUCKET_ROLES, ROLES
from docker_credential_gcr.emulator.identity.tokens import AccessGrant
from docker_credential_gcr.emulator.settings import Settings

NOW = 1_700_000_000
BUCKET = "artifacts.my-project.appspot.com"
GCR, PKG = "my-project/app", "us-docker.pkg.dev/my-project/images/app"
PROJECT = "/v1/projects/my-project"
REPOSITORY = f"{PROJECT}/locations/us/repositories/images"
STORAGE = f"/storage/v1/b/{BUCKET}"
OBJECT = f"{STORAGE}/o/containers%2Fimages%2Fsha256:0"
STALE = {"etag": "c3RhbGU=", "bindings": []}
ETAG = {"policy": STALE}
MESSAGE = {"messages": [{"data": "YQ=="}]}

# name: (method, path, body, the status for an allowed caller, the permission). The request names a resource
# that does not exist or an old etag, so that it changes nothing: an allowed caller gets 404, 409 or 412.
CALLS: dict[str, tuple[str, str, object, int, str]] = {
    "p.get": ("GET", PROJECT, None, 200, "resourcemanager.projects.get"),
    "p.policy": ("POST", f"{PROJECT}:getIamPolicy", {}, 200, "resourcemanager.projects.getIamPolicy"),
    "p.share": ("POST", f"{PROJECT}:setIamPolicy", ETAG, 409, "resourcemanager.projects.setIamPolicy"),
    "p.delete": ("POST", f"{PROJECT}:undelete", {}, 400, "resourcemanager.projects.undelete"),
    "analyze": (
        "GET",
        f"{PROJECT}:analyzeIamPolicy?analysisQuery.accessSelector.permissions=storage.objects.get"
        "&analysisQuery.resourceSelector.fullResourceName=//cloudresourcemanager.googleapis.com/projects/my-project",
        None,
        200,
        "cloudasset.assets.analyzeIamPolicy",
    ),
    "occurrences": (
        "GET",
        f"{PROJECT}/occurrences?filter=x",
        None,
        200,
        "containeranalysis.occurrences.list",
    ),
    "services": ("GET", f"{PROJECT}/services", None, 200, "serviceusage.services.list"),
    "switch": ("POST", f"{PROJECT}/services/x:enable", {}, 404, "serviceusage.services.enable"),
    "accounts": ("GET", f"{PROJECT}/serviceAccounts", None, 200, "iam.serviceAccounts.list"),
    "keys": ("POST", f"{PROJECT}/serviceAccounts/x@y.z/keys", {}, 404, "iam.serviceAccountKeys.create"),
    "buckets": ("GET", "/storage/v1/b?project=my-project", None, 200, "storage.buckets.list"),
    "b.create": ("POST", "/storage/v1/b?project=my-project", {"name": "/"}, 400, "storage.buckets.create"),
    "b.get": ("GET", STORAGE, None, 200, "storage.buckets.get"),
    "b.update": ("PATCH", f"{STORAGE}?ifMetagenerationMatch=0", {}, 412, "storage.buckets.update"),
    "b.policy": ("GET", f"{STORAGE}/iam", None, 200, "storage.buckets.getIamPolicy"),
    "b.share": ("PUT", f"{STORAGE}/iam", STALE, 412, "storage.buckets.setIamPolicy"),
    "o.list": ("GET", f"{STORAGE}/o", None, 200, "storage.objects.list"),
    "o.get": ("GET", OBJECT, None, 404, "storage.objects.get"),
    "o.delete": ("DELETE", OBJECT, None, 404, "storage.objects.delete"),
    "r.create": (
        "POST",
        f"{PROJECT}/locations/us/repositories?repositoryId=images",
        {"format": "DOCKER"},
        409,
        "artifactregistry.repositories.create",
    ),
    "r.get": ("GET", REPOSITORY, None, 200, "artifactregistry.repositories.get"),
    "r.policy": (
        "GET",
        f"{REPOSITORY}:getIamPolicy",
        None,
        200,
        "artifactregistry.repositories.getIamPolicy",
    ),
    "r.share": (
        "POST",
        f"{REPOSITORY}:setIamPolicy",
        ETAG,
        409,
        "artifactregistry.repositories.setIamPolicy",
    ),
    "i.list": ("GET", f"{REPOSITORY}/dockerImages", None, 200, "artifactregistry.dockerimages.list"),
    "i.tag": (
        "PATCH",
        f"{REPOSITORY}/packages/x/tags/v1",
        {"version": "x/versions/y"},
        404,
        "artifactregistry.tags.update",
    ),
    "i.untag": ("DELETE", f"{REPOSITORY}/packages/x/tags/v1", None, 404, "artifactregistry.tags.delete"),
    "t.list": ("GET", f"{PROJECT}/topics", None, 200, "pubsub.topics.list"),
    "t.create": ("PUT", f"{PROJECT}/topics/gcr", {}, 409, "pubsub.topics.create"),
    "t.publish": ("POST", f"{PROJECT}/topics/none:publish", MESSAGE, 404, "pubsub.topics.publish"),
    "t.share": ("POST", f"{PROJECT}/topics/gcr:setIamPolicy", ETAG, 409, "pubsub.topics.setIamPolicy"),
    "s.pull": (
        "POST",
        f"{PROJECT}/subscriptions/none:pull",
        {"maxMessages": 1},
        404,
        "pubsub.subscriptions.consume",
    ),
    "k.list": ("GET", f"{PROJECT}/secrets", None, 200, "secretmanager.secrets.list"),
    "k.add": (
        "POST",
        f"{PROJECT}/secrets/none:addVersion",
        {"payload": {"data": "YQ=="}},
        404,
        "secretmanager.versions.add",
    ),
    "k.access": (
        "GET",
        f"{PROJECT}/secrets/none/versions/1:access",
        None,
        404,
        "secretmanager.versions.access",
    ),
    "k.share": (
        "POST",
        f"{PROJECT}/secrets/none:setIamPolicy",
        ETAG,
        404,
        "secretmanager.secrets.setIamPolicy",
    ),
}
# name: the same for requests to a registry. Artifact Registry asks for the right to delete in a deletion, not
# before it gives a token for one.
TOKEN = "/v2/token?scope=repository:"
REQUESTS = {
    "pull": ("GET", f"{TOKEN}{GCR}:pull", 200, "storage.objects.get"),
    "push": ("GET", f"{TOKEN}{GCR}:pull,push", 200, "storage.buckets.get"),
    "delete": ("GET", f"{TOKEN}{GCR}:delete", 200, "storage.objects.delete"),
    "pkg.pull": ("GET", f"{TOKEN}{PKG}:pull", 200, "artifactregistry.repositories.downloadArtifacts"),
    "pkg.push": ("GET", f"{TOKEN}{PKG}:pull,push", 200, "artifactregistry.repositories.uploadArtifacts"),
    "pkg.delete": (
        "DELETE",
        f"/v2/{PKG}/manifests/sha256:{'0' * 64}",
        404,
        "artifactregistry.repositories.deleteArtifacts",
    ),
}

_READER = "r.get i.list pkg.pull"
_WRITER = f"{_READER} i.tag pkg.push"
_KEEPER = f"{_WRITER} i.untag pkg.delete"
_PUBSUB = "t.list t.create t.publish s.pull"
_EDITOR = (
    f"p.get p.policy analyze occurrences services switch accounts keys buckets b.create b.get b.update "
    f"b.policy o.list o.get o.delete pull push delete r.create r.policy {_KEEPER} {_PUBSUB} "
    "k.list k.add"
)
_PULL = "o.list o.get pull"
_PUSH = f"{_PULL} b.get o.delete push delete"
_OBJECTS = f"{_PULL} o.delete delete"
# role: the calls that it allows when it is granted on the project, and so on everything in it.
ON_PROJECT = {
    "owner": f"{_EDITOR} p.share p.delete b.share r.share t.share k.access k.share",
    "editor": _EDITOR,
    "viewer": f"p.get p.policy analyze occurrences services accounts buckets t.list k.list {_PULL} {_READER}",
    "browser": "p.get p.policy",
    "storage.admin": f"p.get buckets b.create b.update b.policy b.share {_PUSH}",
    "storage.objectAdmin": f"p.get {_OBJECTS}",
    "storage.objectUser": f"p.get {_OBJECTS}",
    "storage.objectCreator": "p.get",
    "storage.objectViewer": f"p.get {_PULL}",
    "storage.bucketViewer": "p.get buckets b.get",
    "artifactregistry.reader": _READER,
    "artifactregistry.writer": _WRITER,
    "artifactregistry.createOnPushWriter": _WRITER,
    "artifactregistry.repoAdmin": _KEEPER,
    "artifactregistry.createOnPushRepoAdmin": _KEEPER,
    "artifactregistry.admin": f"{_KEEPER} r.create r.policy r.share",
    "cloudasset.viewer": "analyze",
    "artifactregistry.containerRegistryMigrationAdmin": (
        f"analyze p.get p.policy r.create r.get r.policy r.share pkg.pull pkg.push {_PULL}"
    ),
    "artifactregistry.serviceAgent": "t.publish",
    "containeranalysis.occurrences.viewer": "occurrences",
    "containerregistry.ServiceAgent": f"t.publish {_PULL}",
    "pubsub.admin": f"p.get {_PUBSUB} t.share",
    "pubsub.editor": f"p.get {_PUBSUB}",
    "pubsub.viewer": "p.get t.list",
    "pubsub.publisher": "t.publish",
    "pubsub.subscriber": "s.pull",
    "secretmanager.admin": "p.get k.list k.add k.access k.share",
    "secretmanager.secretAccessor": "p.get k.access",
    "secretmanager.secretVersionAdder": "p.get k.add",
    "secretmanager.secretVersionManager": "p.get k.add",
    "secretmanager.viewer": "p.get k.list",
    "serviceusage.serviceUsageAdmin": "services switch",
    "serviceusage.serviceUsageViewer": "services",
    "resourcemanager.projectCreator": "",
    "resourcemanager.projectDeleter": "p.delete",
    "resourcemanager.projectIamAdmin": "p.get p.policy p.share",
    "iam.serviceAccountAdmin": "p.get accounts",
    "iam.serviceAccountKeyAdmin": "p.get accounts keys",
    "iam.serviceAccountViewer": "p.get accounts",
    "unheard.of": "",
    # The uses of these are tested in google/iam: test_iamcredentials.py and test_workload_identity.py.
    "iam.serviceAccountTokenCreator": "p.get accounts",
    "iam.serviceAccountOpenIdTokenCreator": "",
    "iam.serviceAccountUser": "p.get accounts",
    "iam.workloadIdentityUser": "accounts",
    "iam.workloadIdentityPoolAdmin": "p.get",
    "iam.workloadIdentityPoolViewer": "p.get",
}
# A bucket's policy accepts roles of Cloud Storage only, and they allow no call to the project.
ON_BUCKET = {
    "storage.admin": f"b.update b.policy b.share {_PUSH}",
    "storage.objectAdmin": _OBJECTS,
    "storage.objectUser": _OBJECTS,
    "storage.objectCreator": "",
    "storage.objectViewer": _PULL,
    "storage.bucketViewer": "b.get",
    "storage.legacyBucketReader": "b.get o.list",
    "storage.legacyBucketWriter": _PUSH,
    "storage.legacyBucketOwner": f"b.update b.policy b.share {_PUSH}",
    "storage.legacyObjectReader": "o.get",
    "storage.legacyObjectOwner": "o.get",
}
ON_REPOSITORY = {
    "owner": f"{_KEEPER} r.policy r.share",
    "editor": f"{_KEEPER} r.policy",
    "viewer": _READER,
    "artifactregistry.reader": _READER,
    "artifactregistry.writer": _WRITER,
    "artifactregistry.repoAdmin": _KEEPER,
    "artifactregistry.admin": f"{_KEEPER} r.policy r.share",
}

USER = "user:a@example.com"
ACCOUNT = "serviceAccount:ci@my-project.iam.gserviceaccount.com"
SCOPES = {
    "cloud-platform": "every",
    "cloud-platform.read-only": f"p.get p.policy services buckets b.get b.policy {_PULL} r.policy {_READER}",
    "devstorage.full_control": f"buckets b.create b.update b.policy b.share {_PUSH} "
    "pkg.pull pkg.push pkg.delete",
    "devstorage.read_write": f"buckets b.create b.update {_PUSH} pkg.pull pkg.push pkg.delete",
    "devstorage.read_only": f"buckets b.get {_PULL} pkg.pull",
    "cloudplatformprojects.readonly": "p.get p.policy",
    "service.management": "services switch",
    "iam": "accounts keys",
    "pubsub": f"{_PUBSUB} t.share",
    "userinfo.email": "",
}


class Project:
    """A project with a bucket and a repository, on an emulator, and calls to it by any member."""

    def __init__(self, emulator: Emulator, directory: DataDirectory, call_app: Any) -> None:
        self._call_app = call_app
        self._emulator = emulator
        self._signer = directory.load_signer()
        self._operator = directory.load_operator_token()
        emulator.clock.set(NOW)
        self.operate("POST", "/v1/projects", {"projectId": "my-project"})
        self.operate("POST", f"{PROJECT}/serviceAccounts", {"accountId": "ci"})
        self.operate("POST", "/storage/v1/b?project=my-project", {"name": BUCKET})
        path = f"{PROJECT}/locations/us/repositories?repositoryId=images"
        self.operate("POST", path, {"format": "DOCKER"})

    def operate(self, method: str, path: str, body: object) -> None:
        """Calls as the operator."""
        reply = self._send(method, path, body, f"Bearer {self._operator}")
        assert reply.status == 200, reply

    def call(self, member: str | None, scopes: tuple[str, ...], method: str, path: str, body: object) -> Any:
        """Calls as a member, whose access token has these scopes, or without a credential."""
        if member is None:
            return self._send(method, path, body, None)
        granted = frozenset(f"https://www.googleapis.com/auth/{scope}" for scope in scopes)
        grant = AccessGrant(member, None, granted, NOW + 3600, NOW)
        return self._send(method, path, body, f"Bearer {self._signer.sign_access(grant, NOW)}")

    def grant(self, place: str, role: str, member: str, condition: object = None) -> None:
        """Grants the role to the member only, at one place only."""
        binding: dict[str, object] = {"role": f"roles/{role}", "members": [member]}
        if condition is not None:
            binding["condition"] = condition
        bindings = {place: [binding] if role else []}
        for name, (method, path) in SHARED.items():
            policy = {"version": 3, "bindings": bindings.get(name, [])}
            self.operate(method, path, policy if name == "bucket" else {"policy": policy})

    def _send(self, method: str, path: str, body: object, authorization: str | None) -> Any:
        content = b"" if body is None else json.dumps(body).encode()
        headers = {"authorization": authorization} if authorization else {}
        headers = {"authorization": authorization} if authorization else {}
        # gcr.io refuses in Google's words alone; localhost adds hints to them.
        host = "gcr.io" if path.startswith("/v2/") and "pkg.dev" not in path else "localhost:5000"
        # From another address, because a local caller is the operator.
        return self._call_app(self._emulator.app, method, path, content, headers, host=host, peer="192.0.2.1")


SHARED = {
    "project": ("POST", f"{PROJECT}:setIamPolicy"),
    "bucket": ("PUT", f"{STORAGE}/iam"),
    "repository": ("POST", f"{REPOSITORY}:setIamPolicy"),
}


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory, call_app: Any) -> Iterator[Project]:
    path: Path = tmp_path_factory.mktemp("roles")
    with contextlib.closing(DataDirectory(path)) as directory:
        emulator = Emulator(Settings(), directory, is_stopping=lambda: False)
        emulator.prepare()
        yield Project(emulator, directory, call_app)
        emulator.close()


def find_open(project: Project, member: str | None, *scopes: str) -> set[str]:
    """Returns the calls that the member may send; checks the whole text of each refusal."""
    opened = set()
    for name, (method, path, body, status, permission) in CALLS.items():
        reply = project.call(member, scopes or ("cloud-platform",), method, path, body)
        if reply.status == status:
            opened.add(name)
        else:
            assert (reply.status, reply.body["error"]["message"]) == refuse(name, member, permission), name
    for name, (method, path, status, permission) in REQUESTS.items():
        reply = project.call(member, scopes or ("cloud-platform",), method, path, None)
        if reply.status == status:
            opened.add(name)
        else:
            if name == "push" and "b.get" in opened:
                permission = "storage.objects.create"
            (error,) = reply.body["errors"]
            assert (reply.status, error["code"], error["message"]) == refuse_request(name, member, permission)
    return opened


def refuse(name: str, member: str | None, permission: str) -> tuple[int, str]:
    """Returns the refusal of an API."""
    if permission.startswith("storage."):
        who = "Anonymous caller" if member is None else member.partition(":")[2]
        kind = "project" if name in ("buckets", "b.create") else "Storage bucket"
        kind = "Storage object" if name.startswith("o.") else kind
        text = (
            f"{who} does not have {permission} access to the Google Cloud {kind}. "
            f"Permission '{permission}' denied on resource (or it may not exist)."
        )
        # Anonymous reads are checked against the policy; all other calls need a credential first.
        if member is None and name in ("buckets", "b.create", "b.update", "b.share", "o.delete"):
            text = CREDENTIALS
        return (401 if member is None else 403), text
    if member is None:
        return 401, CREDENTIALS
    if permission.startswith("pubsub."):
        return 403, "User not authorized to perform this action."
    if permission.startswith("secretmanager."):
        place = "projects/my-project" if name == "k.list" else "projects/my-project/secrets/none"
        return 403, f"Permission '{permission}' denied for resource '{place}' (or it may not exist)."
    if permission.startswith("serviceusage."):
        return 403, f"Permission denied to {'list services' if name == 'services' else 'enable service [x]'}"
    if permission.startswith("artifactregistry."):
        place = "projects/my-project/locations/us" if name == "r.create" else REPOSITORY.removeprefix("/v1/")
        resource = f"//artifactregistry.googleapis.com/{place}"
        return 403, f"Permission '{permission}' denied on resource '{resource}' (or it may not exist)."
    return 403, f"Permission '{permission}' denied on resource (or it may not exist)."


CREDENTIALS = (
    "Request had invalid authentication credentials. Expected OAuth 2 access token, login cookie or other "
    "valid authentication credential. See https://developers.google.com/identity/sign-in/web/devconsole-project."
)
NEEDED = (
    "You don't have the needed permissions to perform this operation, and you may have invalid credentials. "
    "To authenticate your request, follow the steps in: "
    "https://cloud.google.com/container-registry/docs/advanced-authentication"
)


def refuse_request(name: str, member: str | None, permission: str) -> tuple[int, str, str]:
    """Returns the refusal of a registry."""
    place = 'resource "projects/my-project/locations/us/repositories/images" (or it may not exist)'
    if name.startswith("pkg."):
        if member is not None:
            return 403, "DENIED", f'Permission "{permission}" denied on {place}'
        if name == "pkg.delete":
            return 401, "UNAUTHORIZED", "not authenticated: No valid credential was supplied."
        anonymous = "Unauthenticated request. Unauthenticated requests do not have permission"
        return 403, "DENIED", f'{anonymous} "{permission}" on {place}'
    if member is None:
        return 401, "UNAUTHORIZED", NEEDED
    if name == "push":
        return (
            403,
            "DENIED",
            (
                f"Token exchange failed for project 'my-project'. Caller does not have permission "
                f"'{permission}'. To configure permissions, follow instructions at: "
                "https://cloud.google.com/container-registry/docs/access-control"
            ),
        )
    return 403, "DENIED", "Access denied."


def test_every_role_is_in_the_tables() -> None:
    named = {f"roles/{role}" for role in [*ON_PROJECT, *ON_BUCKET, *ON_REPOSITORY]} - {"roles/unheard.of"}

    assert named == set(ROLES)
    assert {f"roles/{role}" for role in ON_BUCKET} >= BUCKET_ROLES


PLACES = {"project": ON_PROJECT, "bucket": ON_BUCKET, "repository": ON_REPOSITORY}
GRANTS = [(place, role, opened) for place, table in PLACES.items() for role, opened in table.items()]
IDS = [f"{place}-{role}" for place, role, _ in GRANTS]


@pytest.mark.parametrize(("place", "role", "opened"), GRANTS, ids=IDS)
def test_what_a_role_opens_for_a_user(project: Project, place: str, role: str, opened: str) -> None:
    project.grant(place, role, USER)

    assert find_open(project, USER) == set(opened.split())


@pytest.mark.parametrize(
    ("place", "role"), [("project", "owner"), ("bucket", "storage.admin"), ("repository", "editor")]
)
def test_a_service_account_has_the_same_rights(project: Project, place: str, role: str) -> None:
    project.grant(place, role, ACCOUNT)

    assert find_open(project, ACCOUNT) == set(PLACES[place][role].split())
    assert find_open(project, USER) == find_open(project, None) == set()


@pytest.mark.parametrize(
    ("place", "role", "opened"),
    [
        ("bucket", "storage.objectViewer", _PULL),
        ("bucket", "storage.legacyBucketReader", "b.get o.list"),
        ("project", "storage.objectViewer", _PULL),
        # Artifact Registry's API needs an account, its registry does not.
        ("repository", "artifactregistry.reader", "pkg.pull"),
    ],
)
def test_what_all_users_may_do_anybody_may(project: Project, place: str, role: str, opened: str) -> None:
    project.grant(place, role, "allUsers")

    assert find_open(project, None) == set(opened.split())
    assert find_open(project, USER, "userinfo.email") == set(PLACES[place][role].split())


@pytest.mark.parametrize(("place", "role"), [("bucket", "storage.objectViewer"), ("repository", "viewer")])
def test_what_all_authenticated_users_may_do_the_anonymous_may_not(
    project: Project, place: str, role: str
) -> None:
    project.grant(place, role, "allAuthenticatedUsers")

    assert find_open(project, USER) == set(PLACES[place][role].split())
    assert find_open(project, None) == set()


@pytest.mark.parametrize(("scope", "opened"), SCOPES.items(), ids=SCOPES.keys())
def test_a_token_opens_no_more_than_its_scope(project: Project, scope: str, opened: str) -> None:
    project.grant("project", "owner", USER)
    every = set(ON_PROJECT["owner"].split())

    assert find_open(project, USER, scope) == (every if opened == "every" else set(opened.split()))


@pytest.mark.parametrize(
    ("expression", "opened"),
    [
        ('resource.type == "storage.googleapis.com/Bucket"', "b.update b.policy b.share b.get"),
        ('resource.name.startsWith("projects/_/buckets/artifacts.my-project.")', ON_BUCKET["storage.admin"]),
        ('resource.name.startsWith("projects/_/buckets/artifacts.other-project.")', ""),
        ('resource.service == "cloudresourcemanager.googleapis.com"', "p.get buckets b.create"),
    ],
)
def test_a_role_on_a_condition_opens_what_the_condition_is_about(
    project: Project, expression: str, opened: str
) -> None:
    project.grant("project", "storage.admin", USER, {"title": "t", "expression": expression})

    assert find_open(project, USER) == set(opened.split())
