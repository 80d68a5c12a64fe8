"""gcr-emulator env prints what leads Google's clients to the emulator, for each shell."""

import subprocess
from collections.abc import Callable
from typing import Any

import pytest

from docker_credential_gcr.emulator.commands_env import format_environment

Emulator = Any
Run = Callable[..., tuple[int, str, str]]


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
        "CLOUDSDK_AUTH_TOKEN_HOST": "http://localhost:5001/token",
        "CLOUDSDK_API_ENDPOINT_OVERRIDES_ARTIFACTREGISTRY": "http://localhost:5001/",
        "CLOUDSDK_API_ENDPOINT_OVERRIDES_CLOUDRESOURCEMANAGER": "http://localhost:5001/",
        "CLOUDSDK_API_ENDPOINT_OVERRIDES_IAM": "http://localhost:5001/",
        "CLOUDSDK_API_ENDPOINT_OVERRIDES_SERVICEUSAGE": "http://localhost:5001/",
        "CLOUDSDK_API_ENDPOINT_OVERRIDES_STORAGE": "http://localhost:5001/storage/v1/",
        "STORAGE_EMULATOR_HOST": "http://localhost:5001",
        "GCE_METADATA_HOST": "localhost:5001",
        "GCE_METADATA_IP": "127.0.0.1:5001",
        "METADATA_SERVER_DETECTION": "none",
    }


@pytest.mark.parametrize(
    ("url", "registry", "address"),
    [
        ("http://[::1]:5001", "localhost:5001", "127.0.0.1:5001"),
        ("http://gcr.io.localhost", "localhost", "127.0.0.1"),
        ("https://emulator.example.com", "emulator.example.com", "emulator.example.com"),
        ("http://[2001:db8::1]:5001", "[2001:db8::1]:5001", "[2001:db8::1]:5001"),
    ],
)
def test_env_spells_loopback_as_docker_wants_it(url: str, registry: str, address: str) -> None:
    variables = format_environment(url)

    assert (variables["GCR_EMULATOR_REGISTRY"], variables["GCE_METADATA_IP"]) == (registry, address)
