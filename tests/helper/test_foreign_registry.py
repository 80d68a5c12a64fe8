"""A registry that is not Google's, with docker's own command line and this helper as its whole store."""

import hashlib
import json
import os
import shutil
import socket
import subprocess
import sys
import sysconfig
import tarfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest

# What must be there, and what brings it on Debian.
NEEDS = {
    "docker-registry": "apt-get install docker-registry",
    "htpasswd": "apt-get install apache2-utils",
    "docker": "apt-get install docker.io",
    "skopeo": "apt-get install skopeo",
}
CONFIG = """
version: 0.1
log: {{level: error, accesslog: {{disabled: true}}}}
storage: {{filesystem: {{rootdirectory: {data}}}}}
http: {{addr: "127.0.0.1:{port}"}}
auth: {{htpasswd: {{realm: here, path: {users}}}}}
"""


def find_program(name: str) -> str:
    program = shutil.which(name, path=os.environ.get("PATH", "") + ":/usr/bin:/usr/sbin")
    if program is None:
        pytest.skip(f"{name} is not installed: {NEEDS[name]}")
    return program


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[str]:
    """Debian's docker-registry on a free port of loopback, open to me with the password s3cret."""
    program, htpasswd = find_program("docker-registry"), find_program("htpasswd")
    users = tmp_path / "htpasswd"
    users.write_bytes(
        subprocess.run([htpasswd, "-Bbn", "me", "s3cret"], capture_output=True, check=True).stdout
    )
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    config = tmp_path / "registry.yml"
    config.write_text(CONFIG.format(data=tmp_path / "registry", port=port, users=users))
    with subprocess.Popen(
        [program, "serve", str(config)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as process:
        try:
            wait_for(port, process)
            yield f"localhost:{port}"
        finally:
            process.terminate()


def wait_for(port: int, process: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline and process.poll() is None:
        try:
            with urlopen(f"http://127.0.0.1:{port}/", timeout=5):
                return
        except OSError:
            time.sleep(0.05)
    pytest.fail(f"docker-registry does not answer on port {port}")


class Docker:
    """docker's command line with this helper as its whole store."""

    def __init__(self, helper: Any) -> None:
        self.program = find_program("docker")
        self.config = helper.home / ".docker"
        self.config.mkdir()
        (self.config / "config.json").write_text('{"credsStore": "gcr"}')
        scripts = sysconfig.get_path("scripts")
        self.environ = helper.environ | {
            "PATH": f"{scripts}:{Path(sys.executable).parent}:{os.defpath}",
            "DOCKER_CONFIG": str(self.config),
            "DOCKER_HOST": os.environ.get("DOCKER_HOST", ""),
        }
        if not Path(scripts, "docker-credential-gcr").exists():
            pytest.skip("docker-credential-gcr is not installed: pip install .")
        if self("version").returncode != 0:
            pytest.skip("docker's engine does not run: start dockerd")

    def __call__(self, *arguments: str, stdin: str = "") -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [self.program, *arguments],
            input=stdin,
            env=self.environ,
            capture_output=True,
            text=True,
            timeout=120,
        )


@pytest.fixture
def docker(helper: Any) -> Docker:
    helper.environ["DOCKER_CREDENTIAL_GCR_KEYRING"] = "file"
    return Docker(helper)


def test_edge_40_login_push_pull_logout_and_list(
    helper: Any, docker: Docker, registry: str, tmp_path: Path
) -> None:
    image = f"{registry}/team/hello:1"
    (tmp_path / "hello").write_text("hello")
    with tarfile.open(tmp_path / "image.tar", "w") as archive:
        archive.add(tmp_path / "hello", "hello")
    logins = helper.config.with_name("docker_credential_gcr_logins.json")
    steps: list[Any] = []
    try:
        steps.append(docker("login", "--username", "me", "--password-stdin", registry, stdin="s3cret"))
        kept = json.loads(logins.read_text())["logins"]
        listed = json.loads(helper("list").stdout)
        steps.append(docker("import", str(tmp_path / "image.tar"), image))
        steps.append(docker("push", image))
        steps.append(docker("rmi", image))
        steps.append(docker("pull", image))
        steps.append(docker("logout", registry))
        refused = docker("push", image)
    finally:
        docker("rmi", image)

    assert [step.returncode for step in steps] == [0] * 6, [step.stderr for step in steps]
    assert "Login Succeeded" in steps[0].stdout
    assert "s3cret" not in (docker.config / "config.json").read_text()
    assert {name: login["Username"] for name, login in kept.items()} == {registry: "me"}
    assert listed[registry] == "me"
    assert json.loads(logins.read_text())["logins"] == {}
    assert refused.returncode != 0


def test_edge_40_a_wrong_password_is_not_kept(helper: Any, docker: Docker, registry: str) -> None:
    login = docker("login", "--username", "me", "--password-stdin", registry, stdin="wrong")

    assert login.returncode != 0
    assert not helper.config.with_name("docker_credential_gcr_logins.json").exists()


def test_edge_40_docker_is_told_when_there_is_no_keyring(docker: Docker, registry: str) -> None:
    docker.environ |= {
        "DOCKER_CREDENTIAL_GCR_KEYRING": "keyring",
        "PYTHON_KEYRING_BACKEND": "keyring.backends.fail.Keyring",
    }

    login = docker("login", "--username", "me", "--password-stdin", registry, stdin="s3cret")

    assert login.returncode != 0
    assert (
        "this machine has no keyring to keep a login in: DOCKER_CREDENTIAL_GCR_KEYRING=file" in login.stderr
    )


def write_image(folder: Path) -> None:
    """An image of nothing but a configuration, as an OCI layout."""
    blobs = folder / "blobs/sha256"
    blobs.mkdir(parents=True)

    def add(document: object, media_type: str) -> dict[str, object]:
        data = json.dumps(document).encode()
        digest = hashlib.sha256(data).hexdigest()
        (blobs / digest).write_bytes(data)
        kind = f"application/vnd.oci.image.{media_type}.v1+json"
        return {"mediaType": kind, "digest": f"sha256:{digest}", "size": len(data)}

    rootfs = {"type": "layers", "diff_ids": []}
    config = add({"architecture": "amd64", "os": "linux", "rootfs": rootfs}, "config")
    manifest = add({"schemaVersion": 2, "config": config, "layers": []}, "manifest")
    (folder / "index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": [manifest]}))
    (folder / "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}')


def test_edge_40_skopeo_logs_in_pushes_pulls_and_logs_out(helper: Any, registry: str, tmp_path: Path) -> None:
    program = find_program("skopeo")
    if not Path(sysconfig.get_path("scripts"), "docker-credential-gcr").exists():
        pytest.skip("docker-credential-gcr is not installed: pip install .")
    auth = tmp_path / "auth.json"
    auth.write_text(json.dumps({"credHelpers": {registry: "gcr"}}))
    helper.environ["DOCKER_CREDENTIAL_GCR_KEYRING"] = "file"
    environ = helper.environ | {
        "PATH": f"{sysconfig.get_path('scripts')}:{os.defpath}",
        "REGISTRY_AUTH_FILE": str(auth),
    }
    write_image(tmp_path / "image")
    image = f"docker://{registry}/team/hello:1"

    def skopeo(*arguments: str, stdin: str = "") -> int:
        command = [program, "--insecure-policy", *arguments]
        return subprocess.run(
            command, input=stdin, env=environ, capture_output=True, text=True, timeout=60
        ).returncode

    push = ("copy", "--dest-tls-verify=false", f"oci:{tmp_path}/image", image)
    login = ("login", "--tls-verify=false", "--username", "me", "--password-stdin", registry)
    logins = helper.config.with_name("docker_credential_gcr_logins.json")
    statuses = [skopeo(*push), skopeo(*login, stdin="s3cret")]
    kept = json.loads(logins.read_text())["logins"]
    statuses += [skopeo(*push)]
    statuses += [skopeo("copy", "--src-tls-verify=false", image, f"oci:{tmp_path}/copy")]
    statuses += [skopeo("logout", registry), skopeo(*push)]

    assert [bool(status) for status in statuses] == [True, False, False, False, False, True]
    assert {name: entry["Username"] for name, entry in kept.items()} == {registry: "me"}
    assert json.loads(logins.read_text())["logins"] == {}
    assert "s3cret" not in auth.read_text()


def test_a_private_bus_without_a_secret_service_is_no_keyring(helper: Any) -> None:
    program = shutil.which("dbus-run-session", path=os.defpath)
    if program is None:
        pytest.skip("dbus-run-session is not installed: apt-get install dbus")
    triple = {"ServerURL": "quay.io", "Username": "me", "Secret": "s3cret"}

    run = subprocess.run(
        [program, "--", sys.executable, "-m", "docker_credential_gcr", "store"],
        input=json.dumps(triple),
        env=helper.environ,
        capture_output=True,
        text=True,
        cwd=helper.directory,
        timeout=60,
    )

    assert run.returncode == 1
    assert (
        "DOCKER_CREDENTIAL_GCR_KEYRING=file keeps logins in a file for you alone" in run.stdout + run.stderr
    )
    assert "s3cret" not in run.stdout + run.stderr


SECRET_SERVICE = """
printf password | gnome-keyring-daemon --unlock --components=secrets > /dev/null
helper() { printf %s "$2" | "$PYTHON" -m docker_credential_gcr "$1"; echo "$1: $?"; }
helper store '{"ServerURL":"https://index.docker.io/v1/","Username":"me","Secret":"s3cret"}'
helper get https://index.docker.io/v1/
helper erase https://index.docker.io/v1/
helper get https://index.docker.io/v1/
"""


def test_a_real_secret_service_on_a_private_bus_keeps_a_login(helper: Any) -> None:
    path = os.environ.get("PATH", os.defpath)
    for name in ("dbus-run-session", "gnome-keyring-daemon"):
        if shutil.which(name, path=path) is None:
            pytest.skip(f"{name} is not installed: apt-get install dbus gnome-keyring")
    libraries = os.environ.get("LD_LIBRARY_PATH", "")
    environ = helper.environ | {"PATH": path, "PYTHON": sys.executable, "LD_LIBRARY_PATH": libraries}

    run = subprocess.run(
        ["dbus-run-session", "--", "sh", "-c", SECRET_SERVICE],
        env=environ,
        capture_output=True,
        text=True,
        cwd=helper.directory,
        timeout=60,
    )

    assert run.stdout.splitlines() == [
        "store: 0",
        '{"ServerURL":"https://index.docker.io/v1/","Username":"me","Secret":"s3cret"}',
        "get: 0",
        "erase: 0",
        "credentials not found in native keychain",
        "get: 1",
    ]
    assert "s3cret" not in run.stderr
