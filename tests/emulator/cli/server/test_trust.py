"""gcr-emulator trust: prints, writes and removes the files by which clients trust the authority."""

import shlex
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from docker_credential_gcr.emulator.server.certificate_authority import LOOPBACK, create_authority

Run = Callable[..., tuple[int, str, str]]

SYSTEM = "usr/local/share/ca-certificates"
HOSTS_TOML = """# written by gcr-emulator trust
server = "https://localhost:5001"

[host."https://localhost:5001"]
  ca = "/etc/containerd/certs.d/localhost:5001/gcr-emulator.crt"
"""


@pytest.fixture(scope="module")
def certificate() -> str:
    return create_authority(["gcr.io"], LOOPBACK, time.time()).certificate_pem().decode()


@pytest.fixture
def ca(tmp_path: Path, certificate: str) -> Path:
    path = tmp_path / "the ca.pem"
    path.write_text(certificate)
    return path


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Returns the root of a system with an empty store of authorities."""
    path = tmp_path / "root"
    (path / SYSTEM).mkdir(parents=True)
    return path


@pytest.fixture
def trust(run: Run, ca: Path, root: Path) -> Run:
    """Runs `gcr-emulator trust` for a server on localhost:5001, with that root."""
    server = ["--server", "https://localhost:5001", "--ca", str(ca), "--root", str(root)]
    return lambda *arguments: run("trust", *server, *arguments)


def find_files(root: Path) -> dict[str, str]:
    return {str(path.relative_to(root)): path.read_text() for path in root.rglob("*") if path.is_file()}


def expect_files(certificate: str, *hosts: str) -> dict[str, str]:
    """Returns the files by which docker, podman and containerd trust the authority."""
    return {
        f"etc/{client}/certs.d/{host}/{name}": (
            certificate if name.endswith(".crt") else HOSTS_TOML.replace("localhost:5001", host)
        )
        for host in hosts
        for client, names in {
            "docker": ["gcr-emulator.crt"],
            "containers": ["gcr-emulator.crt"],
            "containerd": ["gcr-emulator.crt", "hosts.toml"],
        }.items()
        for name in names
    }


def test_h_z53_trust_alone_changes_nothing_and_prints_a_script_that_does(
    trust: Run, root: Path, ca: Path, certificate: str
) -> None:
    code, script, err = trust()
    before = find_files(root)

    subprocess.run(["sh", "-eu"], input=script, text=True, check=True, timeout=60)

    quoted = shlex.quote(str(ca))
    assert (code, err, before) == (0, "", {})
    assert find_files(root) == expect_files(certificate, "localhost:5001")
    assert [line for line in script.splitlines() if line.startswith("# ") and quoted in line] == [
        f"# gcloud: gcloud config set core/custom_ca_certs_file {quoted}",
        f"# curl: export CURL_CA_BUNDLE={quoted}",
        f"# Deno: export DENO_CERT={quoted}",
        f"# docker-credential-gcr: export DOCKER_CREDENTIAL_GCR_CA_FILE={quoted}",
        f"# gRPC: export GRPC_DEFAULT_SSL_ROOTS_FILE_PATH={quoted}",
        f"# google-api-python-client: export HTTPLIB2_CA_CERTS={quoted}",
        f"# Node: export NODE_EXTRA_CA_CERTS={quoted}",
        f"# rclone: export RCLONE_CA_CERT={quoted}",
        f"# Python's requests: export REQUESTS_CA_BUNDLE={quoted}",
        f"# OpenSSL, Go, httpx and uv: export SSL_CERT_FILE={quoted}",
    ]


def test_apply_writes_what_it_names_and_remove_takes_it_back(
    trust: Run, root: Path, certificate: str
) -> None:
    chosen = ("--host", "gcr.io", "--host", "EU.gcr.io")
    foreign = root / "etc/docker/certs.d/gcr.io/ca.crt"
    foreign.parent.mkdir(parents=True)
    foreign.write_text("another")

    applied = [trust(*chosen, "--apply") for _ in range(2)]
    there = find_files(root)
    removed = trust(*chosen, "--remove")

    expected = expect_files(certificate, "gcr.io", "eu.gcr.io")
    for code, out, err in (*applied, removed):
        assert (code, out) == (0, "")
        said = [line.split(" ", 1)[1] for line in err.splitlines()]
        assert sorted(said) == sorted(f"{root}/{path}" for path in expected)
    assert there == expected | {"etc/docker/certs.d/gcr.io/ca.crt": "another"}
    assert find_files(root) == {"etc/docker/certs.d/gcr.io/ca.crt": "another"}
    assert sorted(path.name for path in root.glob("etc/*/certs.d/*")) == ["gcr.io"]
    assert trust(*chosen, "--remove") == (0, "", "nothing to remove\n")


def test_everybody_can_read_what_is_written(trust: Run, root: Path) -> None:
    trust("--apply")

    assert {path.stat().st_mode & 0o777 for path in root.rglob("*") if path.is_file()} == {0o644}


def test_system_believes_it_only_when_it_is_named(trust: Run, root: Path, certificate: str) -> None:
    code, out, err = trust("--for", "system", "--apply")

    path = f"{SYSTEM}/gcr-emulator.crt"
    assert find_files(root) == {path: certificate}
    assert (code, out) == (0, "")
    assert err == f"wrote {root}/{path}\nrun there: update-ca-certificates --fresh\n"
    assert trust("--for", "system")[1].splitlines()[1] == "update-ca-certificates --fresh"


def test_system_without_a_known_store_is_named(trust: Run, root: Path) -> None:
    (root / SYSTEM).rmdir()

    complaint = f"gcr-emulator: {root} has no known store of certificate authorities\n"
    assert trust("--for", "system", "--apply") == (1, "", complaint)


def test_files_that_gcr_emulator_did_not_write_are_kept(trust: Run, root: Path) -> None:
    path = root / "etc/containerd/certs.d/localhost:5001/hosts.toml"
    path.parent.mkdir(parents=True)
    path.write_text("server = 'mine'")

    code, out, err = trust("--apply")
    removed = trust("--remove")

    complaint = f"gcr-emulator: {path} was not written by gcr-emulator: add to it\n{HOSTS_TOML}"
    assert (code, out, err) == (1, "", complaint)
    assert removed == (0, "", "nothing to remove\n")
    assert find_files(root) == {str(path.relative_to(root)): "server = 'mine'"}


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        ("none", "holds no certificate in PEM"),
        (
            "{}-----BEGIN PRIVATE KEY-----\n",
            "holds a private key: name the file of the authority, DATA/keys/ca.pem",
        ),
    ],
)
def test_what_is_no_authority_is_refused(
    trust: Run, root: Path, ca: Path, certificate: str, content: str, complaint: str
) -> None:
    ca.write_text(content.format(certificate))

    assert trust("--apply") == (1, "", f"gcr-emulator: {ca} {complaint}\n")
    assert find_files(root) == {}


def test_without_an_authority_it_asks_for_one(run: Run) -> None:
    complaint = "gcr-emulator: no certificate authority is given: name it with --ca DATA/keys/ca.pem\n"

    assert run("trust", "--server", "https://localhost:5001") == (1, "", complaint)


@pytest.mark.parametrize("host", ["../../root", "gcr.io/x", "-rf", 'a"b', ""])
def test_invalid_host_is_refused(trust: Run, host: str) -> None:
    code, out, err = trust("--host", host)

    assert (code, out, "is not the host of a registry, such as gcr.io" in err) == (2, "", True)


@pytest.mark.parametrize("host", ["[::1]:5001", "[::1]"], ids=lambda host: f"H-Z56-{host}")
def test_trust_takes_an_address_in_brackets(trust: Run, root: Path, certificate: str, host: str) -> None:
    code, _, _ = trust("--host", host, "--apply")

    assert (code, find_files(root)) == (0, expect_files(certificate, host))


@pytest.mark.parametrize(
    "host", ["::1", "[::1", "[::1]x", "[::1]:", "[localhost]:1"], ids=lambda host: f"H-Z56-{host}"
)
def test_trust_takes_no_other_brackets(trust: Run, root: Path, host: str) -> None:
    code, _, err = trust("--host", host, "--apply")

    assert (code, find_files(root)) == (2, {})
    assert f"{host!r} is not the host of a registry, such as gcr.io or localhost:5000" in err
