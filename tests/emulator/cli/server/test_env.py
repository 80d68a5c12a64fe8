"""gcr-emulator env prints the variables that lead Google's clients to the emulator, for each shell."""

import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from docker_credential_gcr.emulator.cli.server.env import format_environment

Emulator = Any
Run = Callable[..., tuple[int, str, str]]

TRUST = (
    "CLOUDSDK_CORE_CUSTOM_CA_CERTS_FILE",
    "DENO_CERT",
    "DOCKER_CREDENTIAL_GCR_CA_FILE",
    "GCR_EMULATOR_CA",
    "GRPC_DEFAULT_SSL_ROOTS_FILE_PATH",
    "HTTPLIB2_CA_CERTS",
    "NODE_EXTRA_CA_CERTS",
    "RCLONE_CA_CERT",
    "SSL_CERT_FILE",
)
IN_THE_WAY = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")


@pytest.mark.parametrize(
    ("shell", "first"),
    [
        ("posix", "export GCR_EMULATOR_URL='http://localhost:5001'"),
        ("fish", "set -gx GCR_EMULATOR_URL 'http://localhost:5001'"),
        ("powershell", "$Env:GCR_EMULATOR_URL = 'http://localhost:5001'"),
    ],
)
def test_env_speaks_each_shell(run: Run, shell: str, first: str) -> None:
    code, out, err = run("env", "--shell", shell, "--server", "http://localhost:5001")

    assert (code, out.splitlines()[0], err) == (0, first, "")


def test_env_leads_googles_clients_to_the_emulator(run: Run) -> None:
    _, out, _ = run("env", "--server", "http://127.0.0.1:5001")

    evaluated = subprocess.run(
        ["/bin/sh", "-c", f"{out}env"], capture_output=True, text=True, env={}, check=True, timeout=30
    ).stdout
    variables = dict(line.split("=", 1) for line in evaluated.splitlines())
    variables.pop("PWD", None)
    assert {name: value for name, value in variables.items() if name not in ("SHLVL", "_", "OLDPWD")} == {
        "GCR_EMULATOR_URL": "http://localhost:5001",
        "GCR_EMULATOR_REGISTRY": "localhost:5001",
        "CLOUDSDK_AUTH_AUTH_HOST": "http://localhost:5001/o/oauth2/auth",
        "CLOUDSDK_AUTH_TOKEN_HOST": "http://localhost:5001/token",
        "CLOUDSDK_AUTH_TOKEN_INTROSPECTION_ENDPOINT": "http://localhost:5001/v1/introspect",
        "CLOUDSDK_API_ENDPOINT_OVERRIDES_ARTIFACTREGISTRY": "http://localhost:5001/",
        "CLOUDSDK_API_ENDPOINT_OVERRIDES_CLOUDASSET": "http://localhost:5001/",
        "CLOUDSDK_API_ENDPOINT_OVERRIDES_CLOUDRESOURCEMANAGER": "http://localhost:5001/",
        "CLOUDSDK_API_ENDPOINT_OVERRIDES_CONTAINERANALYSIS": "http://localhost:5001/",
        "CLOUDSDK_API_ENDPOINT_OVERRIDES_IAM": "http://localhost:5001/",
        "CLOUDSDK_API_ENDPOINT_OVERRIDES_IAMCREDENTIALS": "http://localhost:5001/",
        "CLOUDSDK_API_ENDPOINT_OVERRIDES_PUBSUB": "http://localhost:5001/",
        "CLOUDSDK_API_ENDPOINT_OVERRIDES_SECRETMANAGER": "http://localhost:5001/",
        "CLOUDSDK_API_ENDPOINT_OVERRIDES_SERVICEUSAGE": "http://localhost:5001/",
        "CLOUDSDK_API_ENDPOINT_OVERRIDES_STS": "http://localhost:5001/",
        "CLOUDSDK_API_ENDPOINT_OVERRIDES_STORAGE": "http://localhost:5001/storage/v1/",
        "CLOUDSDK_ARTIFACTS_ALLOW_UNRECOGNIZED_REGISTRY": "true",
        "CLOUDSDK_COMPONENT_MANAGER_DISABLE_UPDATE_CHECK": "true",
        "CLOUDSDK_CORE_DISABLE_USAGE_REPORTING": "true",
        "STORAGE_EMULATOR_HOST": "http://localhost:5001",
        "GCE_METADATA_HOST": "localhost:5001",
        "GCE_METADATA_IP": "127.0.0.1:5001",
        "GCE_METADATA_ROOT": "localhost:5001",
        "METADATA_SERVER_DETECTION": "ping-only",
    }


@pytest.mark.parametrize(
    ("url", "registry", "address"),
    [
        ("http://127.0.0.1:5001", "localhost:5001", "127.0.0.1:5001"),
        ("http://127.0.0.2:5001", "127.0.0.2:5001", "127.0.0.2:5001"),
        ("http://gcr.io.localhost", "localhost", "127.0.0.1"),
        ("https://emulator.example.com", "emulator.example.com", "emulator.example.com"),
        ("http://[2001:db8::1]:5001", "[2001:db8::1]:5001", "[2001:db8::1]:5001"),
    ],
)
def test_env_spells_loopback_as_docker_wants_it(url: str, registry: str, address: str) -> None:
    variables = format_environment(url)

    assert (variables["GCR_EMULATOR_REGISTRY"], variables["GCE_METADATA_IP"]) == (registry, address)


def test_h_z53_env_leads_each_client_to_the_authority_and_clears_the_way_to_it(
    run: Run, tmp_path: Path
) -> None:
    ca = tmp_path / "o'ne/ca.pem"
    ca.parent.mkdir()
    ca.touch()
    status, script, _ = run("env", "--server", "https://localhost:5001", "--ca", str(ca))
    shown = "; ".join(f'echo "{name}=${{{name}-unset}}"' for name in (*TRUST, *IN_THE_WAY))
    environ = dict.fromkeys((*TRUST, *IN_THE_WAY), "/etc/other.pem")

    said = subprocess.run(
        ["sh", "-c", f"{script}\n{shown}"], env=environ, capture_output=True, text=True, check=True
    ).stdout.splitlines()

    assert status == 0
    assert said == [*(f"{name}={ca}" for name in TRUST), *(f"{name}=unset" for name in IN_THE_WAY)]


@pytest.mark.parametrize(
    ("shell", "unset"),
    [
        ("posix", "unset CURL_CA_BUNDLE"),
        ("fish", "set -e CURL_CA_BUNDLE"),
        ("powershell", "Remove-Item Env:CURL_CA_BUNDLE -ErrorAction SilentlyContinue"),
    ],
)
def test_env_unsets_in_the_words_of_the_shell(run: Run, tmp_path: Path, shell: str, unset: str) -> None:
    (tmp_path / "ca.pem").touch()
    arguments = ["--server", "https://localhost:5001", "--ca", str(tmp_path / "ca.pem"), "--shell", shell]

    _, script, _ = run("env", *arguments)

    assert unset in script.splitlines()


def test_env_names_no_authority_without_tls(run: Run, tmp_path: Path) -> None:
    (tmp_path / "ca.pem").touch()

    _, script, _ = run("env", "--server", "http://localhost:5001", "--ca", str(tmp_path / "ca.pem"))

    assert not [name for name in (*TRUST, *IN_THE_WAY) if name in script]


@pytest.mark.parametrize(
    ("url", "hosts"),
    [
        ("http://registry:5000", "registry:5000"),
        ("http://localhost:5000", None),
        ("http://127.0.0.1:5000", None),
        ("https://registry:5000", None),
    ],
)
def test_d28_plain_http_of_another_machine_is_named_to_the_helper(url: str, hosts: str | None) -> None:
    assert format_environment(url).get("DOCKER_CREDENTIAL_GCR_INSECURE_TOKEN_HOSTS") == hosts
