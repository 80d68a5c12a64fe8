"""A cached `get` starts fast: it loads few modules, none of the dear ones, and asks nobody."""

import json
import os
import subprocess
import sys
import sysconfig
import time
from pathlib import Path

import pytest

from docker_credential_gcr.helper import cache, lookup
from docker_credential_gcr.helper.access_token import AccessToken

SCRIPT = Path(sysconfig.get_path("scripts"), "docker-credential-gcr")

# What a cached `get` may load beyond `python -c pass`. Measured over bare Python: `_json` 0.4 ms, our own
# modules 0.1 each; a name that is not here needs its price beside it.
ALLOWED = {
    "_blake2",
    "_json",
    "errno",
    "fcntl",
    "time",
    "docker_credential_gcr",
    "docker_credential_gcr.__main__",
    "docker_credential_gcr.errors",
    "docker_credential_gcr.helper",
    "docker_credential_gcr.helper.access_token",
    "docker_credential_gcr.helper.cache",
    "docker_credential_gcr.helper.config",
    "docker_credential_gcr.helper.keychain",
    "docker_credential_gcr.helper.paths",
    "docker_credential_gcr.helper.protocol",
    "docker_credential_gcr.helper.registries",
    "docker_credential_gcr.helper.token_sources",
    "docker_credential_gcr.helper.token_sources.env",
    "docker_credential_gcr.helper.token_sources.key_file",
    "docker_credential_gcr.helper.token_sources.store",
    "docker_credential_gcr.helper.wire",
}
DEAR = {
    *("re", "json", "typing", "pathlib", "dataclasses", "datetime", "enum", "hashlib", "tempfile", "urllib"),
    *("base64", "subprocess", "signal", "configparser", "click", "requests", "google", "keyring", "filelock"),
}
MOST = 25

ANSWER = b'{"ServerURL":"gcr.io","Username":"oauth2accesstoken","Secret":"ya29.cached"}\n'


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    """A home with a cached token for Google, and a key that nobody could buy another with."""
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
    """The installed program; a skip where the package is a source checkout, whose start costs more."""
    if not SCRIPT.exists() or "site-packages" not in cache.__file__:
        pytest.skip(
            f"{cache.__file__} is no installed package: build a wheel, and install that for these tests"
        )
    return [str(SCRIPT), "get"]


def run(command: list[str], environ: dict[str, str]) -> "subprocess.CompletedProcess[bytes]":
    return subprocess.run(command, input=b"gcr.io", env=environ, capture_output=True, timeout=60)


def list_modules(arguments: list[str], environ: dict[str, str]) -> set[str]:
    """The modules that an interpreter says it imported."""
    report = run([sys.executable, "-X", "importtime", *arguments], environ).stderr.decode()
    rows = [line.split("|") for line in report.splitlines() if line.startswith("import time:")]
    return {row[2].strip() for row in rows[1:]}


def test_a_cached_get_loads_few_modules_and_none_of_the_dear_ones(
    program: list[str], environ: dict[str, str]
) -> None:
    bare = list_modules(["-c", "pass"], environ)

    loaded = list_modules(program, environ) - bare

    assert loaded - ALLOWED == set()
    assert {name.partition(".")[0] for name in loaded} & DEAR == set()
    assert len(loaded) <= MOST


def test_a_cached_get_answers_from_a_read_only_cache_without_a_network(
    program: list[str], environ: dict[str, str]
) -> None:
    directory = Path(environ["HOME"], ".cache/docker-credential-gcr")
    before = sorted(os.listdir(directory))
    directory.chmod(0o500)
    try:
        outcome = run(program, environ)
    finally:
        directory.chmod(0o700)

    assert (outcome.returncode, outcome.stdout, outcome.stderr) == (0, ANSWER, b"")
    assert sorted(os.listdir(directory)) == before


# Each way to a token with what a cached `get` of it loads beyond ALLOWED.
SOURCES: dict[str, tuple[dict[str, object], set[str]]] = {
    "store": ({"TokenSources": ["store"]}, set()),
    "gcloud": ({"TokenSources": ["gcloud:work"], "Account": "me@x.example"}, {"token_sources.gcloud"}),
    "metadata": ({"TokenSources": ["metadata"]}, {"token_sources.metadata"}),
    "a token file": ({"TokenSources": ["token-file:TOKEN"]}, {"token_sources.token_file"}),
    "impersonation": (
        {"TokenSources": ["env"], "Impersonate": "ci@p.iam"},
        {"token_sources.impersonated"},
    ),
    "a kept key": ({"TokenSources": ["none"]}, {"logins", "token_sources.login"}),
}


@pytest.mark.parametrize("name", SOURCES)
def test_a_cached_get_is_as_cheap_from_any_source(
    program: list[str], environ: dict[str, str], name: str
) -> None:
    settings, more = SOURCES[name]
    folder = Path(environ["HOME"], ".config/gcloud")
    token = Path(environ["HOME"], "token")
    token.write_text("ya29.cached")
    configuration = json.dumps({"Registries": {"gcr.io": settings}}).replace("TOKEN", str(token))
    (folder / "docker_credential_gcr_config.json").write_text(configuration)
    (folder / "docker_credentials.json").write_text('{"gcrCreds": {"refresh_token": "1//kept"}}')
    if name == "a kept key":
        logins = folder / "docker_credential_gcr_logins.json"
        logins.write_text('{"logins": {"gcr.io": {"Username": "_json_key", "Stamp": "1"}}}')
        logins.chmod(0o600)
    search = lookup.open_search("gcr.io", environ=environ)
    now = int(time.time())
    entry = search.find_entry(search.find_source(search.list_names()[0]))
    if entry:
        cache.save_token(entry, AccessToken("ya29.cached", expires_at=now + 3600, obtained_at=now))
    bare = list_modules(["-c", "pass"], environ)

    loaded = list_modules(program, environ) - bare

    assert loaded - ALLOWED == {f"docker_credential_gcr.helper.{module}" for module in more}
    assert run(program, environ).stdout == ANSWER


def test_a_strangers_host_loads_no_token_source(program: list[str], environ: dict[str, str]) -> None:
    arguments = ["-X", "importtime", *program]
    outcome = subprocess.run(
        [sys.executable, *arguments], input=b"quay.io", env=environ, capture_output=True, timeout=60
    )

    assert (outcome.returncode, outcome.stdout) == (1, b"credentials not found in native keychain\n")
    assert b"token_sources." not in outcome.stderr
