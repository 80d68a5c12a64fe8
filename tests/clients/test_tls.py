"""The clients over TLS: they trust the emulator with its CA, and not without it."""

import json
import os
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

LIMIT_S = 60
GCR_EMULATOR = [sys.executable, "-m", "docker_credential_gcr.emulator.cli.main"]


def find_address() -> str | None:
    """Returns an address of this machine other than loopback, where Docker would need no CA."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # nothing is sent
        except OSError:
            return None
        return probe.getsockname()[0]


class Server:
    """`gcr-emulator serve` with TLS and two workers."""

    def __init__(self, data: Path, *arguments: str) -> None:
        command = [*GCR_EMULATOR, "serve", "--tls", "--workers", "2", "--port", "0", "--data", str(data)]
        command += ["--project", "my-project", *arguments]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        self.ready: dict[str, Any] = json.loads(self.process.stdout.readline())
        self.ca = Path(self.ready["ca"])
        self.port = int(self.ready["url"].rpartition(":")[2])

    def make_key(self, path: Path, url: str | None = None) -> Path:
        """Creates an editor's key, by a request to `url` or the server's own."""
        server = ["--server", url or self.ready["url"], "--ca", str(self.ca)]
        server += ["--token-file", self.ready["operator_token_file"]]
        account = ["--project", "my-project", "--account", "ci", "--role", "roles/editor"]
        command = [*GCR_EMULATOR, "key", "create", *server, *account, "--output", str(path)]
        subprocess.run(command, check=True, capture_output=True, timeout=LIMIT_S)
        return path


@pytest.fixture
def start(place: Path) -> Iterator[Callable[..., Server]]:
    started = []

    def make(*arguments: str) -> Server:
        started.append(Server(place / "data", *arguments))
        return started[-1]

    yield make
    for server in started:
        server.process.terminate()
        server.process.communicate(timeout=LIMIT_S)


@pytest.fixture
def certificates(place: Path) -> Callable[[Server], Path]:
    """Creates a directory with the CA, in the form that podman and skopeo accept."""

    def make(server: Server) -> Path:
        (place / "certificates").mkdir()
        (place / "certificates" / "ca.crt").write_bytes(server.ca.read_bytes())
        return place / "certificates"

    return make


def find_engine(address: str) -> int:
    """Returns the PID of the separate engine that listens at the address."""
    for process in Path("/proc").glob("[0-9]*"):
        try:
            command = (process / "cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        if Path(command[0].decode()).name == "dockerd" and address.encode() in command:
            return int(process.name)
    raise LookupError(address)


def trust_in_engine(address: str, registry: str, ca: Path) -> None:
    """Makes the engine trust the CA; its /etc/docker is in a separate mount namespace."""
    enter = ["nsenter", "--target", str(find_engine(address)), "--mount"]
    trust = [*GCR_EMULATOR, "trust", "--for", "docker", "--host", registry, "--ca", str(ca), "--apply"]
    subprocess.run([*enter, *trust], check=True, timeout=LIMIT_S)


def test_docker_believes_the_authority_in_certs_d(
    start: Callable[..., Server], one_docker, engine: str, layer: Path, place: Path
) -> None:
    host = find_address()
    if host is None:
        pytest.skip("this machine has only loopback addresses, for which Docker needs no CA: add a network")
    server = start("--host", "0.0.0.0", "--allow-remote", "--tls-name", host)
    registry, key = (
        f"{host}:{server.port}",
        server.make_key(place / "key.json", f"https://localhost:{server.port}"),
    )
    login = ("login", "--username", "_json_key", "--password-stdin", registry)
    one_docker.environ["DOCKER_CONFIG"] = str(place / "empty")
    image = f"{registry}/my-project/team/app:v1"

    stranger = one_docker(*login, stdin=key.read_text())
    trust_in_engine(engine, registry, server.ca)
    one_docker.succeed(*login, stdin=key.read_text())
    image_id = one_docker.succeed("import", layer, image).strip()
    one_docker.succeed("push", image)
    one_docker.succeed("image", "rm", image)
    one_docker.succeed("pull", image)

    assert (stranger.status, "certificate signed by unknown authority" in stranger.stderr) == (1, True)
    assert one_docker.succeed("image", "inspect", "--format", "{{.Id}}", image).strip() == image_id


@pytest.mark.parametrize("name", ["podman", "buildah", "skopeo"])
def test_containers_believe_the_authority_in_a_directory(
    start: Callable[..., Server],
    find_client,
    certificates: Callable[[Server], Path],
    image_maker,
    name: str,
    place: Path,
) -> None:
    client, server = find_client(name), start()
    key, folder = server.make_key(place / "key.json"), certificates(server)
    client.environ["REGISTRY_AUTH_FILE"] = str(place / "auth.json")
    registry = server.ready["registry"]
    login = ("login", "--username", "_json_key", "--password-stdin")
    repository = f"{registry}/my-project/team/app:v1"
    image_maker.make_layout(place / "layout", place.name.encode())

    stranger = client(*login, registry, stdin=key.read_text())
    client.succeed(*login, "--cert-dir", folder, registry, stdin=key.read_text())
    if name != "skopeo":
        loaded = client.succeed("pull", f"oci:{place / 'layout'}").strip()
        client.succeed("push", "--cert-dir", folder, loaded, repository)
        assert client.succeed("pull", "--cert-dir", folder, repository).strip() == loaded
    else:
        client.succeed("copy", "--dest-cert-dir", folder, f"oci:{place / 'layout'}", f"docker://{repository}")
        client.succeed("copy", "--src-cert-dir", folder, f"docker://{repository}", f"oci:{place / 'pulled'}")
        assert blobs_of(place / "pulled") == blobs_of(place / "layout")

    assert (stranger.status != 0, "certificate signed by unknown authority" in stranger.stderr) == (
        True,
        True,
    )


def test_gcloud_believes_the_authority_that_env_names(
    start: Callable[..., Server], find_client, place: Path
) -> None:
    gcloud, server = find_client("gcloud"), start()
    key = server.make_key(place / "key.json")
    command = [*GCR_EMULATOR, "env", "--server", server.ready["url"], "--ca", str(server.ca)]
    script = subprocess.run(command, check=True, capture_output=True, text=True, timeout=LIMIT_S).stdout
    gcloud.environ |= {"CLOUDSDK_CONFIG": str(place / "gcloud"), "REQUESTS_CA_BUNDLE": os.devnull}
    calls = [
        f"gcloud auth activate-service-account --key-file {key}",
        "gcloud projects describe my-project --format='value(projectId)'",
    ]
    shell = type(gcloud)("/bin/sh", gcloud.environ)

    said = shell.succeed("-euc", "\n".join([script, *calls]))

    assert said == "my-project\n"


def blobs_of(layout: Path) -> set[str]:
    return {path.name for path in (layout / "blobs/sha256").iterdir()}
