"""Invalid repository names: refused at the first request, with the expected form."""

import json

import pytest
import requests
from support.backing_services import serve

from docker_credential_gcr.emulator.registry.errors import NEEDED_PERMISSIONS
from docker_credential_gcr.emulator.settings import Settings

GRAMMAR = "at most 255 lower-case letters and digits, with single . _ - / between them"
LONG = "my-project/" + "a" * 300

# id: (Host header or None for the server's own, name, the expected form, the example)
NAMES = {
    "loopback": (None, "hello", "PROJECT/IMAGE", "{registry}/my-project/hello:1"),
    "loopback-upper-case": (None, "My-Project/HELLO", GRAMMAR, "{registry}/my-project/hello:1"),
    "loopback-registry-by-path": (
        None,
        "us-docker.pkg.dev/my-project/hello",
        "PROJECT/REPOSITORY/IMAGE",
        "{registry}/us-docker.pkg.dev/my-project/my-repository/hello:1",
    ),
    "gcr.io": ("gcr.io", "hello", "PROJECT/IMAGE", "gcr.io/my-project/hello:1"),
    "gcr.io-domain": (
        "eu.gcr.io",
        "example.com/hello",
        "PROJECT/IMAGE",
        "eu.gcr.io/example.com/my-project/hello:1",
    ),
    "gcr.io-characters": ("gcr.io", "my-project/..%2F..", GRAMMAR, "gcr.io/my-project/2f:1"),
    "gcr.io-blank": ("gcr.io", "__/__", GRAMMAR, "gcr.io/my-project/app:1"),
    "gcr.io-long": ("gcr.io", LONG, GRAMMAR, f"gcr.io/my-project/{'a' * 40}:1"),
    "pkg.dev": (
        "us-docker.pkg.dev",
        "hello",
        "PROJECT/REPOSITORY/IMAGE",
        "us-docker.pkg.dev/my-project/my-repository/hello:1",
    ),
    "pkg.dev-upper-case": (
        "us-docker.pkg.dev",
        "p/Repo/My!Image",
        GRAMMAR,
        "us-docker.pkg.dev/p/repo/my-image:1",
    ),
}
D04 = pytest.mark.parametrize(("host", "name", "expected", "example"), NAMES.values(), ids=NAMES)


def describe(name, expected, example):
    return f"invalid repository name {name[:300]!r}: expected {expected}, such as {example}"


def whole(answer):
    return answer.status_code, answer.json()


def refusal(status, code, message):
    return status, {"errors": [{"code": code, "message": message}]}


@D04
def test_d04_the_token_endpoint_refuses_a_push(editor, gcr_emulator, host, name, expected, example):
    answer = editor.ask_token(f"repository:{name}:push,pull", host=host)

    example = example.format(registry=gcr_emulator.registry)
    assert whole(answer) == refusal(403, "DENIED", describe(name, expected, example))


# What Artifact Registry says of a name without an image.
TEXTS = {
    "loopback-registry-by-path": "Missing image name. Pushes should be of the form docker push "
    "HOST-NAME/PROJECT-ID/REPOSITORY/IMAGE",
    "pkg.dev": "invalid number of path components: 1",
}


@pytest.mark.parametrize("case", NAMES)
def test_d04_a_path_is_refused_as_the_specification_says(editor, case):
    host, name, expected, _ = NAMES[case]
    headers = {"Host": host} if host else {}
    answer = requests.post(f"{editor.url}/v2/{name}/blobs/uploads/", headers=headers, timeout=30)

    message = TEXTS.get(case, f"invalid repository name {name[:300]!r}: expected {expected}")
    assert whole(answer) == refusal(400, "NAME_INVALID", message)


@pytest.fixture(scope="module")
def opened():
    with serve(Settings(port=0, projects=("my-project",), open=True)) as ready:
        yield ready


@D04
def test_d04_an_open_registry_refuses_the_upload_as_its_token_endpoint_would(
    opened, host, name, expected, example
):
    headers = {"Host": host} if host else {}
    started = requests.post(f"{opened.url}/v2/{name}/blobs/uploads/", headers=headers, timeout=30)
    token = requests.get(
        f"{opened.url}/v2/token",
        params={"scope": f"repository:{name}:push,pull"},
        headers=headers,
        timeout=30,
    )

    refused = refusal(403, "DENIED", describe(name, expected, example.format(registry=opened.registry)))
    assert [whole(started), whole(token)] == [refused] * 2


def test_d04_an_open_registry_refuses_other_requests_as_the_specification_says(opened):
    answers = [
        requests.get(f"{opened.url}/v2/hello/{path}", timeout=30) for path in ("manifests/1", "blobs/x")
    ]

    message = "invalid repository name 'hello': expected PROJECT/IMAGE"
    assert list(map(whole, answers)) == [refusal(400, "NAME_INVALID", message)] * 2


UNKNOWN = "Project 'project:absent' not found or deleted."


# id: (Host header or None for the server's own, the next step)
HOSTS = {
    "loopback": (None, " Create it with: gcr-emulator project create --server {url} absent"),
    "default-port": ("localhost:5000", " Create it with: gcr-emulator project create absent"),
    "gcr.io": ("gcr.io", ""),
    "gcr.io.localhost": ("gcr.io.localhost", ""),
}


@pytest.mark.parametrize(("host", "step"), HOSTS.values(), ids=HOSTS)
def test_d04_an_unknown_project_names_the_command_that_creates_it(opened, host, step):
    headers = {"Host": host} if host else {}
    answer = requests.post(f"{opened.url}/v2/absent/app/blobs/uploads/", headers=headers, timeout=30)

    assert whole(answer) == refusal(404, "NAME_UNKNOWN", UNKNOWN + step.format(url=opened.url))


@pytest.mark.parametrize("host", [None, "gcr.io"], ids=["loopback", "gcr.io"])
@pytest.mark.parametrize(
    ("who", "status", "code", "google_s"),
    [("editor", 403, "DENIED", "Access denied."), ("anonymous", 401, "UNAUTHORIZED", NEEDED_PERMISSIONS)],
    ids=["editor", "anonymous"],
)
def test_d04_a_pull_of_a_project_is_told_the_form_of_an_image(
    request, gcr_emulator, who, status, code, google_s, host
):
    answer = request.getfixturevalue(who).ask_token("repository:hello:pull", host=host)

    step = f" To pull an image, name one, such as {gcr_emulator.registry}/my-project/hello:1"
    assert whole(answer) == refusal(status, code, google_s if host else google_s + step)


@pytest.mark.parametrize(("host", "step"), HOSTS.values(), ids=HOSTS)
def test_d04_a_key_without_rights_is_told_of_the_command_and_not_of_the_project(editor, connect, host, step):
    connect(None, project="hidden", account="stranger")
    answers = {
        project: json.loads(editor.ask_token(f"repository:{project}/app:push,pull", host=host).text)
        for project in ("absent", "hidden")
    }

    google_s = (
        "Token exchange failed for project 'absent'. Caller does not have permission 'storage.buckets.get'. "
        "To configure permissions, follow instructions at: "
        "https://cloud.google.com/container-registry/docs/access-control"
    )
    step = step.replace("Create it", "If there is no such project, create it").format(url=editor.url)
    absent = refusal(403, "DENIED", google_s + step)[1]
    assert answers == {"absent": absent, "hidden": json.loads(json.dumps(absent).replace("absent", "hidden"))}


def test_d04_a_deleted_project_is_not_created_again(editor):
    requests.delete(f"{editor.url}/v1/projects/my-project", timeout=30).raise_for_status()

    answer = editor.ask_token("repository:my-project/app:push,pull")

    command = f"gcr-emulator project undelete --server {editor.url} my-project"
    message = f"Project 'project:my-project' not found or deleted. Undelete it with: {command}"
    assert whole(answer) == refusal(404, "NAME_UNKNOWN", message)


CREATE = " Create it with: gcr-emulator repository create{server} images --location us --project my-project"
# id: (the host, the repository, the next step)
MISSING = {
    "loopback": (
        None,
        "us-docker.pkg.dev/my-project/images/app",
        CREATE.replace("{server}", " --server {url}"),
    ),
    "default-port": (
        "localhost:5000",
        "us-docker.pkg.dev/my-project/images/app",
        CREATE.replace("{server}", ""),
    ),
    "no-such-location": (
        None,
        "europe-west99-docker.pkg.dev/my-project/images/app",
        " Artifact Registry has no location europe-west99",
    ),
    "pkg.dev": ("us-docker.pkg.dev", "my-project/images/app", ""),
}


@pytest.mark.parametrize(("host", "name", "step"), MISSING.values(), ids=MISSING)
def test_d08_a_push_without_a_repository_names_the_command_that_creates_it(editor, host, name, step):
    headers = {"Host": host} if host else {}
    token = editor.ask_token(f"repository:{name}:push,pull", host=host).json()["token"]

    answer = editor.call("POST", f"/v2/{name}/blobs/uploads/", token=token, headers=headers)

    said = 'Repository "images" not found' + step.format(url=editor.url)
    assert whole(answer) == refusal(404, "NAME_UNKNOWN", said)
