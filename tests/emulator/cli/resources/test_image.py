"""gcr-emulator image reads and changes images at the registry, with no container engine (D13)."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import requests
from support.backing_services import serve

from docker_credential_gcr.emulator.client.registry import Image, InvalidImage, format_image, parse_image
from docker_credential_gcr.emulator.settings import Settings

Emulator = Any
Run = Callable[..., tuple[int, str, str]]
URL = "http://localhost:5000"
DIGEST = f"sha256:{'0' * 64}"
REPOSITORY = "my-project/app"
ARTIFACT = "us-docker.pkg.dev/my-project/images/app"


@pytest.fixture
def image(gcr_emulator: Emulator, run: Run) -> Run:
    """Runs `gcr-emulator image` at an emulator with one project, and repositories at each kind of host."""
    gcr_emulator.project("my-project")
    run("repository", "create", "images", "--server", gcr_emulator.url)
    return lambda *arguments: run("image", *arguments, "--server", gcr_emulator.url)


@pytest.mark.parametrize("repository", [REPOSITORY, "eu.gcr.io/my-project/app", ARTIFACT])
def test_d13_image_is_read_at_each_kind_of_host(
    image: Run, editor: Any, gcr_emulator: Emulator, repository: str
) -> None:
    pushed = editor.push_image(repository, "v1", b"layer")
    name = f"{gcr_emulator.registry}/{repository}"
    document = editor.get(f"/v2/{repository}/manifests/v1", repository=repository).text

    assert image("digest", f"{name}:v1") == (0, f"{pushed}\n", "")
    assert image("manifest", f"{repository}:v1") == (0, document, "")
    assert image("manifest", f"{repository}@{pushed}") == (0, document, "")
    described = json.loads(image("describe", f"{name}:v1", "--json")[1])
    assert described["uri"] == f"{name}@{pushed}"
    assert described["tags"] == ["v1"]
    assert described["layers"] == json.loads(document)["layers"]
    assert f"uri: {name}@{pushed}\ntags:\n  v1\n" in image("describe", f"{name}:v1")[1]
    list_says = "gcr-emulator image list prints the images that exist"
    code, out, err = image("digest", name)
    assert (code, out, err.endswith(f": {list_says}\n")) == (1, "", True)


def test_d13_images_of_all_hosts_are_listed(image: Run, editor: Any, gcr_emulator: Emulator) -> None:
    gcr_emulator.clock.set(1_800_000_000)
    digests = {
        name: editor.push_image(name, "v1", name.encode() * 100)
        for name in (REPOSITORY, "my-project/team/tool", "eu.gcr.io/my-project/app", ARTIFACT)
    }

    code, out, err = image("list")
    listed = json.loads(image("list", "--json")[1])["images"]

    registry = gcr_emulator.registry
    rows = [line.split() for line in out.splitlines()]
    assert (code, rows[0], err) == (0, ["IMAGE", "TAGS", "DIGEST", "SIZE", "PUSHED"], "")
    assert [row[:3] for row in rows[1:]] == [
        [f"{registry}/{name}", "v1", digest[7:19]] for name, digest in digests.items()
    ]
    assert {row[-1] for row in rows[1:]} == {"2027-01-15"}
    assert [one["uri"] for one in listed] == [f"{registry}/{name}@{each}" for name, each in digests.items()]


def test_d13_list_goes_down_from_a_name(image: Run, editor: Any) -> None:
    for name in (REPOSITORY, "my-project/app/part", "my-project/other"):
        editor.push_image(name, "v1", name.encode())

    def list_names(name: str) -> list[str]:
        found = json.loads(image("list", name, "--json")[1])["images"]
        return [one["uri"].partition("/")[2].partition("@")[0] for one in found]

    assert list_names(REPOSITORY) == [REPOSITORY, "my-project/app/part"]
    assert list_names("my-project") == [REPOSITORY, "my-project/app/part", "my-project/other"]


def test_d13_where_no_image_is_the_list_says_how_to_push(image: Run, gcr_emulator: Emulator) -> None:
    hint = f"there is no image: docker push {gcr_emulator.registry}/PROJECT/IMAGE:TAG\n"

    assert image("list") == (0, "", hint)
    assert image("list", "my-project/none") == (0, "", hint)
    assert image("list", "--json") == (0, '{\n  "images": []\n}\n', "")


@pytest.mark.parametrize(
    "command",
    [("list", REPOSITORY), ("list", "my-project"), ("digest", f"{REPOSITORY}:v1")],
    ids=["list of an image", "list of a project", "digest"],
)
def test_d_z20_images_of_a_deleted_project_are_not_taken_for_absent(
    image: Run, editor: Any, gcr_emulator: Emulator, command: tuple[str, ...]
) -> None:
    editor.push_image(REPOSITORY, "v1", b"layer")
    requests.delete(f"{gcr_emulator.url}/v1/projects/my-project", timeout=30).raise_for_status()

    undelete = f"gcr-emulator project undelete --server {gcr_emulator.url} my-project"
    message = f"Project 'project:my-project' not found or deleted. Undelete it with: {undelete}"
    assert image(*command) == (1, "", f"gcr-emulator: {message}\n")


def test_d13_tag_is_given_and_removed(image: Run, editor: Any, gcr_emulator: Emulator) -> None:
    pushed = editor.push_image(REPOSITORY, "v1")
    name = f"{gcr_emulator.registry}/{REPOSITORY}"

    said = f"{name}:latest is {pushed}\n{name}:stable is {pushed}\n"
    assert image("tag", f"{name}:v1", "latest", "stable") == (0, "", said)
    assert image("digest", name) == (0, f"{pushed}\n", "")
    assert image("untag", f"{name}:latest") == (0, "", f"removed the tag latest of {REPOSITORY}\n")
    assert image("digest", name)[:2] == (1, "")
    assert image("digest", f"{name}@{pushed}") == (0, f"{pushed}\n", "")


def test_d13_image_is_deleted_with_its_tags_if_that_is_said(image: Run, editor: Any) -> None:
    pushed = editor.push_image(REPOSITORY, "v1")
    image("tag", f"{REPOSITORY}:v1", "latest")
    refused = (
        f"gcr-emulator: {pushed} also has the tags latest: "
        "remove them with gcr-emulator image untag, or add --force\n"
    )

    assert image("delete", f"{REPOSITORY}:v1") == (1, "", refused)
    assert image("digest", f"{REPOSITORY}:v1")[0] == 0
    deleted = (0, "", f"deleted {REPOSITORY}@{pushed} and its tags: latest, v1\n")
    assert image("delete", f"{REPOSITORY}:v1", "--force") == deleted
    assert image("digest", f"{REPOSITORY}@{pushed}")[:2] == (1, "")


def test_d13_image_of_an_index_keeps_its_tags(image: Run, editor: Any) -> None:
    pushed = editor.push_image(REPOSITORY, "v1")
    index = {
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.index.v1+json",
        "manifests": [
            {"mediaType": "application/vnd.oci.image.manifest.v1+json", "digest": pushed, "size": 1}
        ],
    }
    assert editor.put_manifest(REPOSITORY, "all", index, index["mediaType"]).status_code == 201

    code, out, err = image("delete", f"{REPOSITORY}:v1")

    assert (code, out, err.count("\n")) == (1, "", 1)
    assert image("digest", f"{REPOSITORY}:v1") == (0, f"{pushed}\n", "")


@pytest.fixture
def strict() -> Iterator[Any]:
    """Starts a server that requires a token of local programs too."""
    with serve(Settings(port=0, strict_admin=True, projects=("my-project",))) as ready:
        yield ready


def test_d13_strict_server_takes_the_operator_token_and_no_other(
    strict: Any, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    listing = ("image", "list", REPOSITORY, "--server", strict.url)

    demand = "the emulator requires a token: name DATA/keys/operator-token with --token-file"
    assert run(*listing) == (1, "", f"gcr-emulator: {demand}\n")
    monkeypatch.setenv("GCR_EMULATOR_TOKEN_FILE", strict.operator_token_file)
    assert run(*listing)[0] == 0


@pytest.mark.parametrize(("role", "code"), [("roles/viewer", 0), (None, 1)])
def test_d13_another_accounts_token_is_a_credential_itself(
    image: Run,
    editor: Any,
    gcr_emulator: Emulator,
    monkeypatch: pytest.MonkeyPatch,
    role: str | None,
    code: int,
) -> None:
    pushed = editor.push_image(REPOSITORY, "v1")
    gcr_emulator.key(role, account="reader")
    email = "reader@my-project.iam.gserviceaccount.com"
    path = f"{gcr_emulator.url}/v1/projects/-/serviceAccounts/{email}:generateAccessToken"
    scope = ["https://www.googleapis.com/auth/cloud-platform"]
    answer = requests.post(path.replace("/-/", "/my-project/"), json={"scope": scope}, timeout=30)
    monkeypatch.setenv("GCR_EMULATOR_TOKEN", answer.json()["accessToken"])

    read = image("digest", f"{REPOSITORY}:v1")
    changed = image("tag", f"{REPOSITORY}:v1", "latest")

    assert read[:2] == (code, "" if code else f"{pushed}\n")
    assert changed[:2] == (1, "")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("localhost:5000/my-project/app:v1", Image("my-project/app", "v1")),
        ("my-project/app", Image("my-project/app")),
        ("gcr.io/my-project/app:v1", Image("gcr.io/my-project/app", "v1")),
        ("example.com/my-project/app", Image("example.com/my-project/app")),
        (f"{ARTIFACT}@{DIGEST}", Image(ARTIFACT, DIGEST)),
        (f"localhost:5000/{ARTIFACT}:v1@{DIGEST}", Image(ARTIFACT, DIGEST)),
    ],
)
def test_d13_image_is_named_as_docker_names_it(text: str, expected: Image) -> None:
    assert parse_image(text, URL) == expected


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("localhost:5001/my-project/app", "localhost:5001 is not this emulator's registry, localhost:5000"),
        ("", "'' does not name an image, such as localhost:5000/my-project/app:v1"),
        ("my-project/app:", "'my-project/app:' does not name an image"),
        ("my-project/app@v1", "'my-project/app@v1' does not name an image"),
    ],
)
def test_d13_other_text_names_no_image(text: str, fault: str) -> None:
    with pytest.raises(InvalidImage) as caught:
        parse_image(text, URL)
    assert str(caught.value).startswith(fault)


@pytest.mark.parametrize(("command", "lack"), [("untag", "no tag"), ("delete", "neither a tag nor a digest")])
def test_d13_what_is_taken_away_must_be_named(image: Run, command: str, lack: str) -> None:
    code, out, err = image(command, REPOSITORY)

    assert (code, out) == (2, "")
    assert f"Error: Invalid value for 'IMAGE': '{REPOSITORY}' names {lack}" in err


NAMES = {
    "gcr.io": (REPOSITORY, f"gcr.io/{REPOSITORY}"),
    "eu.gcr.io": ("eu.gcr.io/my-project/app", "eu.gcr.io/my-project/app"),
    "pkg.dev": (ARTIFACT, ARTIFACT),
}


@pytest.mark.parametrize(("name", "googles"), NAMES.values(), ids=NAMES)
def test_d13_image_has_googles_name_in_run_and_the_registrys_elsewhere(name: str, googles: str) -> None:
    assert format_image(name, URL, {}) == f"localhost:5000/{name}"
    assert format_image(name, URL, {"GCR_EMULATOR_REGISTRY": "localhost:5000"}) == f"localhost:5000/{name}"
    assert format_image(name, "https://localhost", {"GCR_EMULATOR_REGISTRY": "gcr.io"}) == googles
