"""The helper trusts the emulator's authority if DOCKER_CREDENTIAL_GCR_CA_FILE names it."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAMS = Path(sys.executable).parent
GCR_EMULATOR = [sys.executable, "-m", "docker_credential_gcr.emulator.cli.main"]


@pytest.fixture(scope="module")
def key(ready, tmp_path_factory):
    """Returns a key whose token endpoint is the server's."""
    path = tmp_path_factory.mktemp("key") / "key.json"
    account = ["--project", "my-project", "--account", "ci", "--role", "roles/editor"]
    command = [*GCR_EMULATOR, "key", "create", *account, "--output", str(path)]
    subprocess.run([*command, "--server", ready.url, "--ca", ready.ca], check=True, timeout=60)
    return path


@pytest.fixture
def get(ready, key, tmp_path):
    """Runs `docker-credential-gcr get` for the server; returns exit status, stdout and stderr."""
    config = {"Registries": {ready.registry: {"TokenSources": [f"file:{key}"]}}}
    (tmp_path / "config.json").write_text(json.dumps(config))
    own = {
        "PATH": os.environ["PATH"],
        "HOME": str(tmp_path),
        "DOCKER_CREDENTIAL_GCR_CONFIG": str(tmp_path / "config.json"),
        "DOCKER_CREDENTIAL_GCR_CACHE": "off",
    }

    def run(**environ):
        done = subprocess.run(
            [str(PROGRAMS / "docker-credential-gcr"), "get"],
            input=ready.registry,
            env=own | environ,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        return done.returncode, done.stdout, done.stderr

    return run


@pytest.mark.parametrize("others", [{}, {"REQUESTS_CA_BUNDLE": "/etc/ssl/certs/ca-certificates.crt"}])
def test_helper_trusts_the_file_in_addition_to_the_other_authorities(ready, get, others):
    status, out, err = get(DOCKER_CREDENTIAL_GCR_CA_FILE=ready.ca, **others)

    answer = json.loads(out)
    assert (status, answer.pop("Secret") != "", err) == (0, True, "")
    assert answer == {"ServerURL": ready.registry, "Username": "oauth2accesstoken"}


def test_helper_without_the_file_does_not_believe_the_server(ready, get):
    status, out, _ = get()

    assert (status, f"cannot reach {ready.registry}: [SSL: CERTIFICATE_VERIFY_FAILED]" in out) == (1, True)


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (None, "cannot read {0!r}: No such file or directory"),
        ("none", "{0!r} holds no certificates in PEM"),
    ],
)
def test_helper_says_why_it_cannot_use_the_file(get, tmp_path, content, complaint):
    path = tmp_path / "authority.pem"
    if content is not None:
        path.write_text(content)

    status, out, _ = get(DOCKER_CREDENTIAL_GCR_CA_FILE=str(path))

    assert status == 1
    assert f"DOCKER_CREDENTIAL_GCR_CA_FILE: {complaint.format(str(path))}" in out
