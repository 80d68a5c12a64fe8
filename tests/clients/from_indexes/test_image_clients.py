"""helm and docker compose, which find the helper in config.json as docker does."""

import json
from pathlib import Path

from clients.command import Client, HelperCalls
from clients.from_indexes.conftest import Find
from support.checkout import ROOT

from docker_credential_gcr.pytest_plugin import GcrEmulator

CHART = "apiVersion: v2\nname: chart\nversion: 1.0.0\n"


def test_helm_pushes_and_pulls_a_chart(
    find_installed: Find,
    environ: dict[str, str],
    gcr_emulator: GcrEmulator,
    helper_calls: HelperCalls,
    tmp_path: Path,
) -> None:
    helm = Client(find_installed("node/bin/helm"), environ)
    (tmp_path / "chart").mkdir()
    (tmp_path / "chart" / "Chart.yaml").write_text(CHART)
    helm.succeed("package", tmp_path / "chart", "--destination", tmp_path)
    charts, chart = f"oci://{gcr_emulator.registry}/my-project/charts", "chart-1.0.0.tgz"
    pulled = tmp_path / "pulled"
    pulled.mkdir()

    helm.succeed("push", tmp_path / chart, charts, "--plain-http")
    helm.succeed("pull", f"{charts}/chart", "--version", "1.0.0", "--plain-http", "--destination", pulled)

    assert (pulled / chart).read_bytes() == (tmp_path / chart).read_bytes()
    assert set(helper_calls.take()) == {f"get {gcr_emulator.registry}"}


def test_docker_compose_pushes_and_pulls_the_images_of_its_services(
    find_installed: Find,
    one_docker: Client,
    gcr_emulator: GcrEmulator,
    helper_calls: HelperCalls,
    layer: Path,
    place: Path,
) -> None:
    compose = Client(find_installed("python/bin/docker-compose"), one_docker.environ)
    image = f"{gcr_emulator.registry}/my-project/composed:v1"
    (place / "compose.yaml").write_text(f"services:\n  app:\n    image: {image}\n    build: .\n")
    made = one_docker.succeed("import", layer, image).strip()

    compose.succeed("--project-directory", place, "push")
    one_docker.succeed("image", "rm", image)
    compose.succeed("--project-directory", place, "pull")

    assert one_docker.succeed("image", "inspect", "--format", "{{.Id}}", image).strip() == made
    assert set(helper_calls.take()) == {f"get {gcr_emulator.registry}"}


def test_docker_compose_accepts_the_example_of_several_servers(
    find_installed: Find, environ: dict[str, str]
) -> None:
    passwords = dict.fromkeys(("DATABASE_PASSWORD", "STORE_PASSWORD", "OPERATOR_TOKEN"), "secret")
    compose = Client(find_installed("python/bin/docker-compose"), {**environ, **passwords})

    shown = compose.succeed("--file", ROOT / "examples" / "compose-scale.yml", "config", "--format", "json")

    services = json.loads(shown)["services"]
    assert sorted(services) == ["balancer", "bucket", "database", "emulator", "store"]
    assert services["emulator"]["build"] == {"context": str(ROOT), "dockerfile": "examples/Containerfile"}
