"""Contents of images: indexes, artifacts, zstd, 500 MB; and ten clients at once."""

import gzip
import json
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import ModuleType

import pytest
from support.images import OCI_INDEX

from docker_credential_gcr.pytest_plugin import GcrEmulator

PLAIN_HTTP = "--tls-verify=false"
FROM_PLAIN_HTTP, TO_PLAIN_HTTP = "--src-tls-verify=false", "--dest-tls-verify=false"
ARCHITECTURES = ("amd64", "arm64", "s390x")
MB = 1_000_000


@pytest.fixture
def repository(gcr_emulator: GcrEmulator) -> str:
    return f"{gcr_emulator.registry}/my-project/app"


def save_image(
    make: ModuleType, directory: Path, layers: list[bytes], architecture: str = "amd64"
) -> dict[str, object]:
    """Writes an image's blobs and manifest into a layout; returns the manifest's descriptor."""
    config = {
        "architecture": architecture,
        "os": "linux",
        "config": {},
        "rootfs": {"type": "layers", "diff_ids": [make.digest_of(layer) for layer in layers]},
    }
    # Stored, not deflated: this is quick, and random bytes do not shrink.
    packed = [gzip.compress(layer, compresslevel=0, mtime=0) for layer in layers]
    manifest = {
        "schemaVersion": 2,
        "mediaType": make.MANIFEST,
        "config": make.save_blob(directory, make.format_json(config), make.CONFIG),
        "layers": [make.save_blob(directory, blob, make.LAYER) for blob in packed],
    }
    platform = {"architecture": architecture, "os": "linux"}
    return make.save_blob(directory, make.format_json(manifest), make.MANIFEST) | {"platform": platform}


@pytest.fixture
def index(place: Path, image_maker: ModuleType) -> Path:
    """Creates a layout whose one image is an index of three platforms."""
    layout = place / "index"
    manifests = [
        save_image(image_maker, layout, [image_maker.make_layer(name.encode())], name)
        for name in ARCHITECTURES
    ]
    document = {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": manifests}
    image_maker.save_index(layout, image_maker.format_json(document), OCI_INDEX)
    return layout


def test_skopeo_copies_an_index_whole(skopeo, index: Path, repository: str, place: Path) -> None:
    skopeo.succeed("copy", "--all", TO_PLAIN_HTTP, f"oci:{index}", f"docker://{repository}:1")
    skopeo.succeed("copy", "--all", FROM_PLAIN_HTTP, f"docker://{repository}:1", f"oci:{place / 'pulled'}")

    assert find_blobs(place / "pulled") == find_blobs(index)


def test_docker_pulls_its_own_platform_of_an_index(docker, skopeo, index: Path, repository: str) -> None:
    skopeo.succeed("copy", "--all", TO_PLAIN_HTTP, f"oci:{index}", f"docker://{repository}:1")

    architectures = []
    for name in ARCHITECTURES:
        docker.succeed("pull", "--platform", f"linux/{name}", f"{repository}:1")
        inspected = docker.succeed("image", "inspect", "--format", "{{.Architecture}}", f"{repository}:1")
        architectures.append(inspected.strip())

    assert tuple(architectures) == ARCHITECTURES


def test_podman_pulls_another_platform_of_an_index(podman, skopeo, index: Path, repository: str) -> None:
    skopeo.succeed("copy", "--all", TO_PLAIN_HTTP, f"oci:{index}", f"docker://{repository}:1")

    podman.succeed("pull", PLAIN_HTTP, "--arch", "s390x", f"{repository}:1")

    assert podman.succeed("image", "inspect", "--format", "{{.Architecture}}", f"{repository}:1") == "s390x\n"


def test_docker_manifest_makes_an_index(docker, place: Path, image_maker, repository: str) -> None:
    for name in ("amd64", "arm64"):
        layer = place / name
        layer.write_bytes(image_maker.make_layer(name.encode()))
        docker.succeed("import", layer, f"{repository}:{name}")
        docker.succeed("push", f"{repository}:{name}")

    parts = [f"{repository}:{name}" for name in ("amd64", "arm64")]
    docker.succeed("manifest", "create", "--insecure", f"{repository}:1", *parts)
    docker.succeed("manifest", "annotate", "--arch", "arm64", f"{repository}:1", parts[1])
    pushed = docker.succeed("manifest", "push", "--insecure", f"{repository}:1")

    made = json.loads(docker.succeed("manifest", "inspect", "--insecure", f"{repository}:1"))
    assert pushed.strip().startswith("sha256:")
    assert [manifest["platform"]["architecture"] for manifest in made["manifests"]] == ["amd64", "arm64"]


def test_builders_push_an_index(builder, skopeo, index: Path, repository: str) -> None:
    skopeo.succeed("copy", "--all", TO_PLAIN_HTTP, f"oci:{index}", f"docker://{repository}:1")
    builder.succeed("manifest", "create", "several")
    builder.succeed("manifest", "add", PLAIN_HTTP, "--all", "several", f"docker://{repository}:1")

    target = f"docker://{repository}:2"
    builder.succeed("manifest", "push", PLAIN_HTTP, "--all", "--format", "oci", "several", target)

    made = json.loads(skopeo.succeed("inspect", PLAIN_HTTP, "--raw", f"docker://{repository}:2"))
    assert sorted(manifest["platform"]["architecture"] for manifest in made["manifests"]) == sorted(
        ARCHITECTURES
    )


def test_an_artifact_is_copied_whole(skopeo, place: Path, image_maker: ModuleType, repository: str) -> None:
    artifact = place / "artifact"
    manifest = {
        "schemaVersion": 2,
        "mediaType": image_maker.MANIFEST,
        "config": image_maker.save_blob(artifact, b"{}", "application/vnd.cncf.helm.config.v1+json"),
        "layers": [
            image_maker.save_blob(artifact, b"chart", "application/vnd.cncf.helm.chart.content.v1.tar+gzip")
        ],
    }
    image_maker.save_index(artifact, image_maker.format_json(manifest), image_maker.MANIFEST)

    skopeo.succeed("copy", TO_PLAIN_HTTP, f"oci:{artifact}", f"docker://{repository}:chart")
    skopeo.succeed("copy", FROM_PLAIN_HTTP, f"docker://{repository}:chart", f"oci:{place / 'pulled'}")

    assert find_blobs(place / "pulled") == find_blobs(artifact)


def test_layers_in_zstd_are_pushed_and_pulled(podman, skopeo, layer: Path, repository: str) -> None:
    image_id = podman.succeed("import", layer, f"{repository}:z").strip().removeprefix("sha256:")
    podman.succeed("push", PLAIN_HTTP, "--compression-format", "zstd", f"{repository}:z")
    podman.succeed("rmi", f"{repository}:z")

    assert podman.succeed("pull", PLAIN_HTTP, f"{repository}:z").strip() == image_id
    manifest = json.loads(skopeo.succeed("inspect", PLAIN_HTTP, "--raw", f"docker://{repository}:z"))
    assert [layer["mediaType"] for layer in manifest["layers"]] == [
        "application/vnd.oci.image.layer.v1.tar+zstd"
    ]


@pytest.mark.in_turn
def test_500_mb_in_ten_layers_go_up_and_come_down(
    one_docker, skopeo, place: Path, image_maker: ModuleType, repository: str
) -> None:
    layers = [image_maker.make_layer(os.urandom(50 * MB)) for _ in range(10)]
    digests = [image_maker.digest_of(layer) for layer in layers]
    descriptor = save_image(image_maker, place / "large", layers)
    del layers
    manifest = image_maker.blob_path(place / "large", descriptor["digest"]).read_bytes()
    image_maker.save_index(place / "large", manifest, image_maker.MANIFEST)

    skopeo.succeed("copy", TO_PLAIN_HTTP, f"oci:{place / 'large'}", f"docker://{repository}:large")
    one_docker.succeed("pull", f"{repository}:large")

    inspected = json.loads(one_docker.succeed("image", "inspect", f"{repository}:large"))[0]
    assert inspected["RootFS"]["Layers"] == digests
    assert inspected["Size"] >= 500 * MB


def test_ten_pushes_and_pulls_at_once(
    one_docker, skopeo, place: Path, image_maker: ModuleType, repository: str
) -> None:
    names = [f"{repository}-{number}:1" for number in range(10)]
    layouts = [place / f"layout-{number}" for number in range(10)]
    for layout in layouts:
        image_maker.make_layout(layout, os.urandom(MB))

    def push(layout: Path, name: str) -> str:
        return skopeo.succeed("copy", TO_PLAIN_HTTP, f"oci:{layout}", f"docker://{name}")

    def pull(name: str) -> str:
        return one_docker.succeed("pull", "--quiet", name)

    with ThreadPoolExecutor(10) as pool:
        list(pool.map(push, layouts, names))
        pulled = list(pool.map(pull, names))

    assert pulled == [f"{name}\n" for name in names]


def find_blobs(layout: Path) -> set[str]:
    return {path.name for path in (layout / "blobs/sha256").iterdir()}
