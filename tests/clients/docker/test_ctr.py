"""containerd's ctr: its push asks to mount each blob from the repository that it was pulled from."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import pytest
from clients.command import Client
from clients.docker.containerd import containerd

from docker_credential_gcr.pytest_plugin import GcrEmulator

APP = "my-project/team/app:v1"


@pytest.fixture
def ctr(
    place: Path, environ: dict[str, str], require_program: Callable[[str], str]
) -> Iterator[Callable[..., str]]:
    """Yields a function that runs ctr at a separate containerd, and returns its output."""
    require_program("containerd")
    client = Client(require_program("ctr"), environ)
    if os.geteuid() != 0:
        pytest.skip("containerd needs root")
    with containerd(place / "containerd") as socket:
        yield lambda *arguments: client.succeed("--address", socket, *arguments)


@pytest.mark.parametrize("site", ["eu.gcr.io", "us.gcr.io"], ids=lambda site: f"G-Z41-{site}")
def test_push_to_another_site_by_path_uploads_what_it_asks_to_mount(
    ctr: Callable[..., str],
    skopeo: Client,
    gcr_emulator: GcrEmulator,
    image_maker: ModuleType,
    place: Path,
    site: str,
) -> None:
    image_maker.make_layout(place / "layout", place.name.encode())
    source, target = (f"{gcr_emulator.registry}/{name}" for name in (APP, f"{site}/{APP}"))
    skopeo.succeed("copy", "--dest-tls-verify=false", f"oci:{place / 'layout'}", f"docker://{source}")
    credential = ("--plain-http", "--user", f"_json_key:{gcr_emulator.key('roles/editor').read_text()}")
    ctr("content", "fetch", *credential, source)
    ctr("images", "tag", source, target)
    before = len(gcr_emulator.journal())

    ctr("images", "push", *credential, target)

    uploads = f"/v2/{site}/my-project/team/app/blobs/uploads/"
    asked = [each["status"] for each in gcr_emulator.journal()[before:] if each["path"] == uploads]
    digest = skopeo.succeed("inspect", "--format={{.Digest}}", "--tls-verify=false", f"docker://{target}")
    assert digest == skopeo.succeed("inspect", "--format={{.Digest}}", f"oci:{place / 'layout'}")
    # A configuration and a layer: nothing is mounted between sites, so both are uploaded.
    assert asked == [202, 202]
