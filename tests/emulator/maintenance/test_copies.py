"""Maintenance of copies: an image of Container Registry and its copy do not depend on each other."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import requests
from emulator.registry.copying.samples import COPY, LARGE, REPOSITORIES, SOURCE, fill, find_listing
from support.images import digest_of
from support.registry_client import RegistryClient
from support.servers.postgresql import NEEDS as NEEDS_POSTGRESQL
from support.servers.seaweedfs import NEEDS as NEEDS_SEAWEEDFS
from support.shared_places import SharedPlace

from docker_credential_gcr.emulator.server.in_thread import InThread
from docker_credential_gcr.emulator.settings import Settings

SOUND = (0, "", "the registry is sound\n")
Run = Callable[..., tuple[int, str, str]]


def copy(editor: RegistryClient) -> None:
    url = f"/v2/{COPY}/tags/list?CopyFromGCR=gcr.io/my-project"
    document = editor.get(url, repository=COPY).json()
    assert (document["manifestsCopied"], document["manifestsFailed"]) == (4, 0)


def delete(editor: RegistryClient, repository: str) -> dict[str, int]:
    """Deletes the tags of a repository, and then what no tag reaches; returns what was collected."""
    for tag in find_listing(editor, repository)["tags"]:
        answer = editor.delete(f"/v2/{repository}/manifests/{tag}", repository=repository)
        assert answer.status_code == 202, answer.text
    asked = {"untagged": True, "older_than_s": 0}
    collected = requests.post(f"{editor.url}/_emulator/gc", json=asked, timeout=60)
    assert collected.status_code == 200, collected.text
    return dict(collected.json())


def read(editor: RegistryClient, repository: str) -> bytes:
    answer = editor.get(f"/v2/{repository}/blobs/{digest_of(LARGE)}", repository=repository)
    assert answer.status_code == 200, answer.text
    return bytes(answer.content)


@pytest.mark.parametrize(("deleted", "kept"), [(SOURCE, COPY), (COPY, SOURCE)], ids=["source", "copy"])
class TestDeletion:
    def check(
        self, settings: Settings, editor_of: Any, check_sound: Callable[[], None], deleted: str, kept: str
    ) -> None:
        with InThread(settings) as ready:
            editor = editor_of(ready.url)
            url = f"{ready.url}{REPOSITORIES}?repositoryId=images"
            requests.post(url, json={"format": "DOCKER"}, timeout=30).raise_for_status()
            fill(editor)
            copy(editor)
            listing = find_listing(editor, kept)
        check_sound()
        with InThread(settings) as ready:
            editor.url = ready.url
            collected = delete(editor, deleted)
            # The images of one repository, and each of its blobs.
            assert (collected["manifests"], collected["blobs"]) == (4, 5)
            assert find_listing(editor, kept) == listing
            assert read(editor, kept) == LARGE
        check_sound()

    def test_files(self, tmp_path: Path, run: Run, editor_of: Any, deleted: str, kept: str) -> None:
        data = tmp_path / "data"

        def check_sound() -> None:
            code, out, err = run("fsck", "--data", data)
            assert (code, out) == (0, ""), err

        settings = Settings(port=0, data=data, gc_interval_s=0)
        self.check(settings, editor_of, check_sound, deleted, kept)
        assert [path.read_bytes() for path in data.glob("pieces/*/*")] == [LARGE]

    @NEEDS_POSTGRESQL
    @NEEDS_SEAWEEDFS
    def test_objects(self, place: SharedPlace, run: Run, editor_of: Any, deleted: str, kept: str) -> None:
        def check_sound() -> None:
            assert run("fsck", *place.options) == SOUND

        self.check(place.settings(), editor_of, check_sound, deleted, kept)
        assert list(place.list_objects().values()) == [len(LARGE)]
