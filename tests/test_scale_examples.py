"""examples/*-scale.yml run servers by options and variables that exist, with settings that fit together.

Docker Compose itself reads its file in tests/clients/from_indexes/test_image_clients.py.
"""

import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any, NamedTuple

import click
import pytest
import yaml
from support.checkout import ROOT
from support.pages import read_commands

from docker_credential_gcr.emulator.cli.options import parse_duration
from docker_credential_gcr.emulator.cli.server.serve import make_settings, serve
from docker_credential_gcr.emulator.database.engine.postgresql.database import CONNECTIONS
from docker_credential_gcr.emulator.settings import Settings

EXAMPLES = ROOT / "examples"
COMPOSE, KUBERNETES = EXAMPLES / "compose-scale.yml", EXAMPLES / "kubernetes-scale.yml"
LIMIT_S = 120
# The variables of each program that are not options of serve.
# https://www.postgresql.org/docs/current/libpq-envars.html
# https://docs.aws.amazon.com/sdkref/latest/guide/settings-reference.html
S3 = {"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_REGION"}
EMULATOR = {"GCR_EMULATOR_OPERATOR_TOKEN", "GCR_EMULATOR_OPERATOR_TOKEN_FILE", "PGPASSWORD", *S3}
# https://hub.docker.com/_/postgres, https://github.com/seaweedfs/seaweedfs/wiki/S3-Credentials
OTHERS = {
    "database": {"POSTGRES_DB", "POSTGRES_PASSWORD", "POSTGRES_USER"},
    "store": {"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"},
}


class Server(NamedTuple):
    """What an example says about its servers."""

    arguments: list[str]
    environ: dict[str, str]
    replicas: int
    grace_s: float


def load_compose() -> Any:
    return yaml.safe_load(COMPOSE.read_text("utf-8"))


def load_kubernetes() -> dict[str, Any]:
    return {each["kind"]: each for each in yaml.safe_load_all(KUBERNETES.read_text("utf-8"))}


def read_compose() -> Server:
    service = load_compose()["services"]["emulator"]
    return Server(
        service["command"],
        service["environment"],
        service["deploy"]["replicas"],
        parse_duration(service["stop_grace_period"]),
    )


def read_kubernetes() -> Server:
    documents = load_kubernetes()
    deployment, secret = documents["Deployment"]["spec"], documents["Secret"]["stringData"]
    pod = deployment["template"]["spec"]
    (container,) = pod["containers"]
    environ = {
        each["name"]: each["value"] if "value" in each else secret[each["valueFrom"]["secretKeyRef"]["key"]]
        for each in container["env"]
    }
    grace_s = pod["terminationGracePeriodSeconds"]
    return Server(container["args"], environ, deployment["replicas"], grace_s)


SERVERS = {"compose": read_compose, "kubernetes": read_kubernetes}


@pytest.fixture(params=SERVERS)
def server(request: pytest.FixtureRequest) -> Server:
    return SERVERS[request.param]()


def parse(server: Server, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Returns the settings that `serve` takes from the arguments and from the variables of its options."""
    variables = list_variables()
    for name, value in server.environ.items():
        if name in variables:
            monkeypatch.setenv(name, value)
    command, *arguments = server.arguments
    assert command == serve.name
    context = serve.make_context(command, arguments)
    return make_settings(context, **context.params)


def list_variables() -> set[str]:
    return {str(each.envvar) for each in serve.params if isinstance(each, click.Option)}


def test_the_servers_get_options_that_serve_knows_and_all_that_several_need(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = parse(server, monkeypatch)

    assert settings.database is not None
    assert settings.storage is not None
    assert settings.external_url is not None
    assert settings.trusted_proxies
    assert (settings.allow_remote, settings.open_remote, settings.data) == (True, False, None)
    assert server.replicas == 3


def test_the_servers_get_variables_that_they_read(server: Server) -> None:
    assert server.environ.keys() - list_variables() - EMULATOR == set()


def test_a_server_has_stopped_before_it_is_killed(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    # Requests in progress get a second.
    assert 0 < parse(server, monkeypatch).drain_s + 1 < server.grace_s


def test_no_secret_is_an_argument(server: Server) -> None:
    secrets = [value for name, value in server.environ.items() if re.search("PASSWORD|SECRET|TOKEN", name)]

    assert secrets
    assert [secret for secret in secrets if secret in " ".join(server.arguments)] == []


def test_the_other_programs_of_compose_get_variables_of_theirs() -> None:
    services = load_compose()["services"]
    given = {name: set(each.get("environment", {})) for name, each in services.items()}

    assert given.pop("emulator")
    assert {name: variables for name, variables in given.items() if variables} == OTHERS


def test_postgresql_of_compose_has_room_for_the_servers_and_one_more() -> None:
    (room,) = re.findall(
        r"max_connections=(\d+)", " ".join(load_compose()["services"]["database"]["command"])
    )

    # PostgreSQL keeps three for its superuser.
    assert int(room) - 3 >= (read_compose().replicas + 1) * CONNECTIONS


def test_the_load_balancer_of_compose_asks_as_many_servers_as_there_are() -> None:
    content = load_compose()["configs"]["haproxy"]["content"]

    assert re.findall(r"server-template \S+ (\d+)", content) == [str(read_compose().replicas)]


def test_the_page_creates_every_variable_that_compose_reads() -> None:
    (loop,) = [each for each in read_commands(EXAMPLES / "README.md") if "umask" in each]
    (names,) = re.findall(r"for name in ([^;]+);", loop)

    assert set(re.findall(r"\$\{(\w+)", COMPOSE.read_text("utf-8"))) == set(names.split())


def test_kubernetes_keeps_servers_while_it_updates_or_drains_a_node() -> None:
    documents = load_kubernetes()
    deployment = documents["Deployment"]["spec"]
    labels = deployment["template"]["metadata"]["labels"]

    assert deployment["strategy"]["rollingUpdate"] == {"maxSurge": 1, "maxUnavailable": 0}
    assert documents["PodDisruptionBudget"]["spec"] == {
        "minAvailable": deployment["replicas"] - 1,
        "selector": {"matchLabels": labels},
    }
    assert documents["Service"]["spec"]["selector"] == deployment["selector"]["matchLabels"] == labels


@pytest.mark.parametrize("path", [COMPOSE, KUBERNETES], ids=lambda path: path.name)
def test_the_images_have_versions(path: Path) -> None:
    images = re.findall(r"^ +image: (\S+)$", path.read_text("utf-8"), re.MULTILINE)

    assert images
    assert [image for image in images if not re.search(r":\d[\d.]*$", image)] == []


def test_the_files_that_the_image_is_built_from_make_the_whole_package(tmp_path: Path) -> None:
    listed = (EXAMPLES / "Containerfile.dockerignore").read_text("utf-8").splitlines()
    for name in [line.removeprefix("!") for line in listed if line.startswith("!")]:
        target = tmp_path / "source" / name
        target.parent.mkdir(parents=True, exist_ok=True)
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        copy(ROOT / name, target)
    command = [
        sys.executable,
        "-m",
        "pip",
        "wheel",
        "--quiet",
        "--no-deps",
        "--no-build-isolation",
        "--no-index",
    ]

    done = subprocess.run(
        [*command, "--wheel-dir", tmp_path, tmp_path / "source"],
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
    )

    assert done.returncode == 0, done.stdout + done.stderr
    (wheel,) = tmp_path.glob("*.whl")
    package = ROOT / "docker_credential_gcr"
    modules = {str(path.relative_to(ROOT)) for path in package.rglob("*") if path.is_file()}
    with zipfile.ZipFile(wheel) as built:
        assert {name for name in modules if "__pycache__" not in name} - set(built.namelist()) == set()
        assert any(name.endswith("/scripts/docker-credential-gcr") for name in built.namelist())
