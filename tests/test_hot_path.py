"""Cached `get`: it starts fast, and sends nothing. test_loaded_modules has the modules that it loads."""

import json
import os
import subprocess
import sys
import sysconfig
import time
from pathlib import Path

import pytest

from docker_credential_gcr.helper import lookup
from docker_credential_gcr.helper.tokens import AccessToken, cache

SCRIPT = Path(sysconfig.get_path("scripts"), "docker-credential-gcr")
GET = [sys.executable, "-m", "docker_credential_gcr", "get"]

DEAR = {
    *("re", "json", "typing", "pathlib", "dataclasses", "datetime", "enum", "hashlib", "tempfile", "urllib"),
    *("base64", "subprocess", "signal", "configparser", "click", "requests", "google", "keyring", "filelock"),
}
MOST = 25

ANSWER = b'{"ServerURL":"gcr.io","Username":"oauth2accesstoken","Secret":"ya29.cached"}\n'


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    """Returns the environment of a home with a cached token for Google, and a key that gets no other."""
    key = tmp_path / "key.json"
    key.write_text("never read while the token is fresh")
    found = {
        "HOME": str(tmp_path),
        "PATH": os.defpath,
        "GOOGLE_APPLICATION_CREDENTIALS": str(key),
        "HTTPS_PROXY": "http://localhost:1",
    }
    configuration = tmp_path / ".config/gcloud/docker_credential_gcr_config.json"
    configuration.parent.mkdir(parents=True)
    configuration.write_text(json.dumps({"TokenSources": ["store", "env"], "MinTTL": 300}))
    search = lookup.open_search("gcr.io", environ=found)
    entry = search.find_entry(search.find_source("env"))
    assert entry is not None
    now = int(time.time())
    cache.save_token(entry, AccessToken("ya29.cached", expires_at=now + 3600, obtained_at=now))
    return found


@pytest.fixture
def program() -> list[str]:
    """Returns the installed program; skips the test in a source checkout, which starts slower."""
    if not SCRIPT.exists() or "site-packages" not in cache.__file__:
        pytest.skip(
            f"{cache.__file__} is no installed package: build a wheel, and install that for these tests"
        )
    return [str(SCRIPT), "get"]


def run(command: list[str], environ: dict[str, str]) -> "subprocess.CompletedProcess[bytes]":
    return subprocess.run(command, input=b"gcr.io", env=environ, capture_output=True, timeout=60)


def list_modules(arguments: list[str], environ: dict[str, str]) -> set[str]:
    """Returns the modules that an interpreter reports as imported."""
    report = run([sys.executable, "-X", "importtime", *arguments], environ).stderr.decode()
    rows = [line.split("|") for line in report.splitlines() if line.startswith("import time:")]
    return {row[2].strip() for row in rows[1:]}


def test_the_installed_program_loads_few_modules_and_none_of_the_dear_ones(
    program: list[str], environ: dict[str, str]
) -> None:
    loaded = list_modules(program, environ) - list_modules(["-c", "pass"], environ)

    assert {name.partition(".")[0] for name in loaded} & DEAR == set()
    assert len(loaded) <= MOST


def test_a_cached_get_answers_from_a_read_only_cache_without_a_network(environ: dict[str, str]) -> None:
    directory = Path(environ["HOME"], ".cache/docker-credential-gcr")
    before = sorted(os.listdir(directory))
    directory.chmod(0o500)
    try:
        outcome = run(GET, environ)
    finally:
        directory.chmod(0o700)

    assert (outcome.returncode, outcome.stdout, outcome.stderr) == (0, ANSWER, b"")
    assert sorted(os.listdir(directory)) == before


def test_another_registrys_host_loads_no_token_source(environ: dict[str, str]) -> None:
    command = [sys.executable, "-X", "importtime", *GET[1:]]
    outcome = subprocess.run(command, input=b"quay.io", env=environ, capture_output=True, timeout=60)

    assert (outcome.returncode, outcome.stdout) == (1, b"credentials not found in native keychain\n")
    assert b"docker_credential_gcr.helper.keychain" in outcome.stderr
    assert b"token_sources." not in outcome.stderr
