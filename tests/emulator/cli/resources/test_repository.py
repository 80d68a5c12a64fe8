"""gcr-emulator repository: a user needs no curl for a repository of Artifact Registry (D08)."""

import json
from collections.abc import Callable
from typing import Any

import pytest

Emulator = Any
Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def repository(gcr_emulator: Emulator, run: Run) -> Run:
    """Runs `gcr-emulator repository` at an emulator with one project."""
    gcr_emulator.project("my-project")
    return lambda *arguments: run("repository", *arguments, "--server", gcr_emulator.url)


def test_d08_repository_is_made_and_takes_a_push(
    gcr_emulator: Emulator, repository: Run, editor: Any
) -> None:
    uri = "us-docker.pkg.dev/my-project/images"

    made = repository("create", "images", "--location", "us", "--description", "for tests")

    said = f"created {uri}; its images are {gcr_emulator.registry}/{uri}/IMAGE:TAG\n"
    assert made == (0, "", said)
    assert editor.push_image(f"{uri}/app", "v1").startswith("sha256:")
    assert repository("create", "images") == (1, "", "gcr-emulator: repository images already exists in us\n")


def test_d08_repositories_of_all_locations_are_listed(repository: Run) -> None:
    repository("create", "images", "--description", "for tests")
    repository("create", "locked", "--location", "us-central1", "--immutable-tags")

    assert repository("list") == (
        0,
        "REPOSITORY                                    TAGS       DESCRIPTION\n"
        "us-docker.pkg.dev/my-project/images           mutable    for tests\n"
        "us-central1-docker.pkg.dev/my-project/locked  immutable  -\n",
        "",
    )
    code, out, err = repository("list", "--location", "us-central1", "--json")
    (found,) = json.loads(out)["repositories"]
    assert (code, found["name"], found["dockerConfig"], err) == (
        0,
        "projects/my-project/locations/us-central1/repositories/locked",
        {"immutableTags": True},
        "",
    )


def test_d08_without_a_repository_the_list_says_how_to_make_one(repository: Run) -> None:
    hint = "my-project has no repository there: gcr-emulator repository create NAME --location LOCATION\n"

    assert repository("list") == (0, "", hint)
    assert repository("list", "--json") == (0, '{\n  "repositories": []\n}\n', "")


def test_d08_repository_is_described_with_the_size_of_its_images(repository: Run, editor: Any) -> None:
    repository("create", "images")
    editor.push_image("us-docker.pkg.dev/my-project/images/app", "v1", b"layer")

    code, out, err = repository("describe", "images")
    lines = dict(line.split(": ", 1) for line in out.splitlines())
    document = json.loads(repository("describe", "images", "--json")[1])

    assert (code, lines, err) == (0, document, "")
    assert document["registryUri"] == "us-docker.pkg.dev/my-project/images"
    assert int(document["sizeBytes"]) > len(b"layer")


def test_d08_deleted_repository_is_gone_with_its_images(repository: Run, editor: Any) -> None:
    repository("create", "images")
    editor.push_image("us-docker.pkg.dev/my-project/images/app", "v1")

    deleted = repository("delete", "images")

    assert deleted == (0, "", "deleted repository images of my-project in us, and all images in it\n")
    for command in ("describe", "delete"):
        assert repository(command, "images") == (
            1,
            "",
            "gcr-emulator: my-project has no repository images in us: gcr-emulator repository list\n",
        )


@pytest.mark.parametrize(
    "command", [("create", "images"), ("list",), ("describe", "images"), ("delete", "images")]
)
def test_d08_mistyped_location_brings_the_nearest(repository: Run, command: tuple[str, ...]) -> None:
    code, out, err = repository(*command, "--location", "us-centrall1")

    assert (code, out) == (2, "")
    assert "no such location: 'us-centrall1'; did you mean us-central1 or " in err


def test_d08_of_two_projects_one_must_be_named_and_a_deleted_one_does_not_count(
    gcr_emulator: Emulator, repository: Run, run: Run
) -> None:
    gcr_emulator.project("old-project")
    refused = (1, "", "gcr-emulator: there are 2 projects: name one with --project\n")

    assert repository("create", "images") == refused
    assert run("project", "delete", "old-project", "--server", gcr_emulator.url)[0] == 0
    assert repository("create", "images")[0] == 0
