"""Sources of copies: the names in Container Registry of the images of a repository."""

import pytest

from docker_credential_gcr.emulator.oci.errors import InvalidName
from docker_credential_gcr.emulator.registry.copying.sources import find_source, parse_source
from docker_credential_gcr.emulator.sites.hosts import locate, locate_folder

# (host of Artifact Registry, path there, host of Container Registry, path there)
SAME = [
    ("us-docker.pkg.dev", "p/gcr.io/app", "gcr.io", "p/app"),
    ("us-docker.pkg.dev", "p/us.gcr.io/dir/app", "us.gcr.io", "p/dir/app"),
    ("europe-docker.pkg.dev", "p/eu.gcr.io/app", "eu.gcr.io", "p/app"),
    ("asia-docker.pkg.dev", "example.com/p/asia.gcr.io/app", "asia.gcr.io", "example.com/p/app"),
]


@pytest.mark.parametrize(("host", "name", "source_host", "source_name"), SAME)
def test_the_same_image(host: str, name: str, source_host: str, source_name: str) -> None:
    target, source = locate(host, name), locate(source_host, source_name)
    assert find_source(target) == source
    assert parse_source("same", target) == source


@pytest.mark.parametrize(("host", "name", "source_host", "source_name"), SAME)
def test_the_folder_of_all_images(host: str, name: str, source_host: str, source_name: str) -> None:
    folder = name[: name.index("gcr.io") + len("gcr.io")]
    project = source_name.removesuffix("/dir/app").removesuffix("/app")
    source = locate_folder(source_host, project)
    assert source.is_place
    assert find_source(locate_folder(host, folder)) == source


@pytest.mark.parametrize(
    ("host", "name"),
    [
        ("europe-docker.pkg.dev", "p/gcr.io/app"),
        ("us-docker.pkg.dev", "p/images/app"),
        ("gcr.io", "p/gcr.io/app"),
    ],
)
def test_an_image_that_never_was_in_container_registry(host: str, name: str) -> None:
    target = locate(host, name)
    assert find_source(target) is None
    with pytest.raises(InvalidName):
        parse_source("same", target)


@pytest.mark.parametrize(
    ("origin", "source"),
    [
        ("gcr.io/old", ("gcr.io", "old/dir/app")),
        ("asia.gcr.io/example.com:old", ("asia.gcr.io", "example.com/old/dir/app")),
        ("asia.gcr.io/example.com/old", ("asia.gcr.io", "example.com/old/dir/app")),
    ],
)
def test_the_image_of_another_project(origin: str, source: tuple[str, str]) -> None:
    assert parse_source(origin, locate("us-docker.pkg.dev", "p/images/dir/app")) == locate(*source)
