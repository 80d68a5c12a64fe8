"""Remedies: each failure of the helper has a name and a command, written out for the registry."""

import json
import socket
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from keyring.errors import KeyringLocked

from docker_credential_gcr import errors
from docker_credential_gcr.errors import Error, TokenError
from docker_credential_gcr.helper import config, paths, registries
from docker_credential_gcr.helper.credential_store import entries
from docker_credential_gcr.helper.credential_store import keyring as keyring_store
from docker_credential_gcr.helper.doctor import remedies
from docker_credential_gcr.helper.doctor.access import RegistryAccess
from docker_credential_gcr.helper.google_auth import (
    endpoint,
    gcloud,
    http,
    impersonation,
    metadata_server,
    oauth,
    service_account,
)
from docker_credential_gcr.helper.google_auth.http import Answer
from docker_credential_gcr.helper.token_sources import credential_file, env, key_file, metadata, token_file
from docker_credential_gcr.helper.token_sources import gcloud as gcloud_source
from docker_credential_gcr.helper.tokens import TokenRequest

GOOGLE = RegistryAccess("gcr.io", "my-project/app", "ci@my-project.iam.gserviceaccount.com", "/keys/k.json")
NEW_KEY = (
    "gcloud iam service-accounts keys create /keys/k.json --iam-account=ci@my-project.iam.gserviceaccount.com"
)
SOURCE = "docker-credential-gcr config --registry gcr.io --token-source file:KEY.json"
DEFAULT = "docker-credential-gcr config --registry gcr.io --token-source store,env"
MORE_TIME = "export DOCKER_CREDENTIAL_GCR_TIMEOUT=60"
CLOCK = "sudo timedatectl set-ntp true"
LOGIN = "docker-credential-gcr login"
REQUEST = TokenRequest("gcr.io", registries.GOOGLE, scopes=())
EMULATORS = TokenRequest("localhost:5000", registries.LOOPBACK, scopes=())
GRANT = (
    "gcloud iam service-accounts add-iam-policy-binding ACCOUNT --member=user:YOU "
    "--role=roles/iam.serviceAccountTokenCreator"
)


def refuse(text: str, status: int = 400, **remedy: str) -> None:
    """Parses the response of a token endpoint that refuses."""
    document = {"error": "invalid_grant", "error_description": text}
    if status == 403:
        document = {"error": {"status": "PERMISSION_DENIED", "message": text}}  # type: ignore[dict-item]
    answer = Answer(status, {"Content-Type": "application/json"}, json.dumps(document).encode())
    oauth.parse_answer("h", answer, "", **remedy)


def fail_to_connect(url: str, error: OSError) -> None:
    raise http._make_error(endpoint.parse_endpoint(url), error, time.monotonic() + 1)


def use_endpoint(url: str, request: TokenRequest) -> None:
    endpoint.check_use("key file 'k'", "key", endpoint.parse_endpoint(url), request)


def run_gcloud(folder: Path, script: str) -> None:
    (folder / "gcloud").write_text(f"#!/bin/sh\n{script}\n")
    (folder / "gcloud").chmod(0o700)
    find_gcloud(f"{folder}:/usr/bin:/bin", 0.2 if "sleep" in script else 30)


def find_gcloud(path: str, timeout_s: float = 1) -> None:
    source = gcloud_source.find_source("", {"PATH": path, "DOCKER_CREDENTIAL_GCR_CACHE": "off"}, "linux")
    source.fetch(REQUEST, time.monotonic() + timeout_s)


def read_store(folder: Path, text: str) -> None:
    (folder / "s.json").write_text(text)
    found = credential_file.find_source({"DOCKER_CREDENTIAL_GCR_STORE": str(folder / "s.json")}, "linux")
    found.prepare(REQUEST)


def read_logins(folder: Path, text: str, mode: int = 0o600) -> None:
    (folder / "l.json").write_text(text)
    (folder / "l.json").chmod(mode)
    entries.load_logins(str(folder / "l.json"))


def lock_keyring() -> None:
    def call() -> None:
        raise KeyringLocked

    keyring_store._call(call, time.monotonic() + 10)


def load_config(folder: Path, text: str, **environ: str) -> None:
    (folder / "c.json").write_text(text)
    config.load_config({"DOCKER_CREDENTIAL_GCR_CONFIG": str(folder / "c.json"), **environ})


EXPIRED = json.dumps({"credential": {"access_token": "ya29.x", "token_expiry": "2001-01-01T00:00:00Z"}})
ENDED = {"check": "login ended", "command": LOGIN}
KEY = {"check": oauth.KEY_REFUSED, "command": errors.NEW_KEY}
INSECURE = "export DOCKER_CREDENTIAL_GCR_INSECURE_TOKEN_HOSTS=sts.example:80"
REFUSED = ConnectionRefusedError(111, "Connection refused")
# What the helper does, the name of the failure, and the command; DIR is a directory.
FAILURES: dict[str, tuple[Callable[[Path], object], str, str | None]] = {
    "an assertion of another time": (lambda _: refuse("in a reasonable timeframe", **KEY), "clock", CLOCK),
    "gcloud's expired token": (lambda _: gcloud.parse_output(EXPIRED, 2e9), "clock", CLOCK),
    "a login to renew": (lambda _: refuse("invalid_rapt", **KEY), "login ended", LOGIN),
    "an expired login": (
        lambda d: read_store(d, '{"gcrCreds": {"access_token": "x"}}'),
        "login ended", LOGIN),
    "a revoked login": (lambda _: refuse("Bad Request", **ENDED), "login ended", LOGIN),
    "a deleted key": (lambda _: refuse("Invalid JWT Signature.", 401, **KEY), "key refused", NEW_KEY),
    "a variable that names no file": (
        lambda d: env.find_source({"CLOUDSDK_AUTH_CREDENTIAL_FILE_OVERRIDE": f"{d}/absent"}, "linux"),
        "variable", "unset CLOUDSDK_AUTH_CREDENTIAL_FILE_OVERRIDE"),
    "a variable with a password": (
        lambda _: paths.find_variable({"GCE_METADATA_HOST": "u:p@h"}, "GCE_METADATA_HOST"),
        "variable", "unset GCE_METADATA_HOST"),
    "a metadata server that is no host": (
        lambda _: metadata.find_source({"GCE_METADATA_IP": "a b"}, "linux").check_use(REQUEST),
        "variable", "unset GCE_METADATA_IP"),
    "a key file that is gone": (lambda d: key_file.find_source(f"{d}/absent"), "key file", SOURCE),
    "a key file that is a directory": (lambda d: key_file.find_source(str(d)), "key file", SOURCE),
    "a key that is not JSON": (lambda _: service_account.parse_document("k", "{"), "key file", NEW_KEY),
    "an emulator's key": (
        lambda _: use_endpoint("http://localhost:1/token", REQUEST), "key for another registry", SOURCE),
    "Google's key": (
        lambda _: use_endpoint(config.GOOGLE_TOKEN_URL, EMULATORS), "key for another registry", SOURCE),
    "an endpoint without TLS": (
        lambda _: use_endpoint("http://sts.example:80", TokenRequest("r", registries.OTHER, scopes=())),
        "token endpoint", INSECURE),
    "a malformed store": (lambda d: read_store(d, "{"), "store", "mv DIR/s.json DIR/s.json.broken"),
    "malformed logins": (lambda d: read_logins(d, "{"), "store", "mv DIR/l.json DIR/l.json.broken"),
    "logins that others read": (lambda d: read_logins(d, "{}", 0o644), "store", "chmod 600 DIR/l.json"),
    "no gcloud": (lambda _: find_gcloud("/absent"), "gcloud missing", DEFAULT),
    "no login in gcloud": (
        lambda d: run_gcloud(d, "echo ERROR: no active account selected >&2; exit 1"),
        "gcloud login", "gcloud auth login"),
    "a gcloud that is silent": (lambda d: run_gcloud(d, "sleep 60"), "gcloud", MORE_TIME),
    "a gcloud that fails": (
        lambda d: run_gcloud(d, "echo crashed >&2; exit 1"),
        "gcloud", "gcloud auth login"),
    "an answer that is no credential": (lambda d: run_gcloud(d, "echo"), "gcloud", "gcloud auth login"),
    "an empty token file": (
        lambda _: token_file.TokenFile("/dev/null").fetch(REQUEST, 0), "token file", SOURCE),
    "no right to impersonate": (
        lambda _: refuse("Permission 'iam.serviceAccounts.getAccessToken' denied", 403,
                         check=impersonation.CHECK, command=impersonation.GRANT),
        "impersonation", GRANT),
    "a machine without an account": (
        lambda _: metadata_server.check_answer(
            metadata.NAME, Answer(404, {"Metadata-Flavor": "Google"}, b""), ""),
        "metadata server", DEFAULT),
    "an emulator's metadata server": (
        lambda _: metadata.find_source({"GCE_METADATA_HOST": "localhost:1"}, "linux").check_use(REQUEST),
        "metadata server", "unset GCE_METADATA_HOST"),
    "a locked keyring": (lambda _: lock_keyring(), "keyring", "export DOCKER_CREDENTIAL_GCR_KEYRING=file"),
    "an emulator that is not running": (
        lambda _: fail_to_connect("http://localhost:5000/token", REFUSED),
        "token endpoint", "gcr-emulator serve --port 5000"),
    "an endpoint that refuses": (
        lambda _: fail_to_connect("https://oauth2.googleapis.com/token", REFUSED), "token endpoint", None),
    "an endpoint without an address": (
        lambda _: fail_to_connect("https://oauth2.googleapis.com/token", socket.gaierror(-2, "unknown")),
        "token endpoint", None),
    "an endpoint that is silent": (
        lambda _: fail_to_connect("http://localhost:5000/token", TimeoutError()),
        "token endpoint", MORE_TIME),
    "a malformed configuration": (
        lambda d: load_config(d, "{"), "configuration", "mv DIR/c.json DIR/c.json.broken"),
    "a configuration of the wrong form": (
        lambda d: load_config(d, '{"Timeout": "1"}'), "configuration", "mv DIR/c.json DIR/c.json.broken"),
    "a variable that is no number": (
        lambda d: load_config(d, "{}", DOCKER_CREDENTIAL_GCR_TIMEOUT="soon"),
        "configuration", "unset DOCKER_CREDENTIAL_GCR_TIMEOUT"),
    "a variable that is no token source": (
        lambda d: load_config(d, "{}", DOCKER_CREDENTIAL_GCR_TOKEN_SOURCE="x"),
        "configuration", "unset DOCKER_CREDENTIAL_GCR_TOKEN_SOURCE"),
    "what no command mends": (lambda _: refuse("new", 500), "credential", None),
}  # fmt: skip


def fail(work: Callable[[], object]) -> Error:
    """Returns what work raises, as the search of a token passes it on."""
    try:
        work()
    except Error as error:
        passed = TokenError(f"no access token for gcr.io: {error}", hint=error.hint)
        passed.__cause__ = error
        return passed
    pytest.fail("it raised nothing")


@pytest.mark.parametrize("name", FAILURES)
def test_a_failure_has_a_name_and_a_command(name: str, tmp_path: Path) -> None:
    work, check, command = FAILURES[name]

    found = remedies.find_remedy(fail(lambda: work(tmp_path)), GOOGLE)

    assert found == (check, command and command.replace("DIR", str(tmp_path)))


def test_a_key_file_of_another_user_is_given_to_this_one() -> None:
    error = key_file.make_error("/a key.json", PermissionError(), "Permission denied")

    assert remedies.find_remedy(error, GOOGLE) == ("key file", "sudo chown \"$(id -un)\" '/a key.json'")


def test_every_template_is_written_out() -> None:
    templates = {value for name, value in vars(errors).items() if name.isupper() and str(value)[:1] == "{"}

    assert templates == set(remedies.FORMATTERS)


LOOPBACK = RegistryAccess("localhost:5000", "p/app", "ci@p.iam.gserviceaccount.com", "/keys/k.json")
ENDPOINTS = {
    "d10-this emulator": (LOOPBACK, "localhost:5000", "gcr-emulator serve --port 5000"),
    "d10-an emulator that was at another port": (
        LOOPBACK,
        "localhost:4999",
        "gcr-emulator key create --server http://localhost:5000 --project p --account ci "
        "--output /keys/k.json --force",
    ),
    "d10-not on this machine": (GOOGLE, "oauth2.googleapis.com", None),
}


@pytest.mark.parametrize("name", ENDPOINTS)
def test_a_token_endpoint_that_refuses_is_started_where_it_is_on_this_machine(name: str) -> None:
    access, host, command = ENDPOINTS[name]

    found = remedies.find_remedy(fail(lambda: fail_to_connect(f"https://{host}/", REFUSED)), access)

    assert found == ("token endpoint", command)


SITES = {
    "d10-an emulator's path of Container Registry": (
        RegistryAccess("localhost:5000", "gcr.io/p/app"), ("gcr.io", "p/app", "p", False)),
    "d10-an emulator's path of Artifact Registry": (
        RegistryAccess("localhost:5000", "us-docker.pkg.dev/p/r/app"),
        ("us-docker.pkg.dev", "p/r/app", "p", True)),
    "d10-an emulator's own": (
        RegistryAccess("localhost:5000", "p/app"), ("localhost:5000", "p/app", "p", False)),
    "d10-Google's": (RegistryAccess("us-docker.pkg.dev", "d.example/p/r/app"),
                     ("us-docker.pkg.dev", "d.example/p/r/app", "d.example:p", True)),
}  # fmt: skip


@pytest.mark.parametrize("name", SITES)
def test_the_registry_and_the_project_of_an_image(name: str) -> None:
    access, expected = SITES[name]

    assert (access.site, access.path, access.project, access.is_artifact_registry) == expected


CREATIONS = {
    "d08-Google's": (
        RegistryAccess("us-docker.pkg.dev", "p/r/app"),
        "gcloud artifacts repositories create r --repository-format=docker --location=us --project=p",
    ),
    "d08-an image in a folder": (
        RegistryAccess("us-docker.pkg.dev", "d.ex/p/r/team/app"),
        "gcloud artifacts repositories create r --repository-format=docker --location=us --project=d.ex:p",
    ),
    "d08-a regional endpoint": (
        RegistryAccess("docker.us-east1.rep.pkg.dev", "p/r/app"),
        "gcloud artifacts repositories create r --repository-format=docker --location=us-east1 --project=p",
    ),
    "d08-in gcr-emulator run": (
        RegistryAccess("us-docker.pkg.dev", "p/r/app", server="https://localhost"),
        "gcr-emulator repository create r --location us --project p --server https://localhost",
    ),
    "d08-an emulator's": (
        RegistryAccess("localhost:5000", "us-docker.pkg.dev/p/r/app"),
        "gcr-emulator repository create r --location us --project p --server http://localhost:5000",
    ),
}


@pytest.mark.parametrize("name", CREATIONS)
def test_a_repository_is_created_where_the_image_names_it(name: str) -> None:
    access, command = CREATIONS[name]

    assert remedies.format_repository_command(access) == command


GRANTS = [
    (GOOGLE, "pull", "gcloud projects add-iam-policy-binding my-project "
     "--member=serviceAccount:ci@my-project.iam.gserviceaccount.com --role=roles/storage.objectViewer"),
    (RegistryAccess("us-docker.pkg.dev", "p/r/i", "me@x.example"), "push",
     "gcloud projects add-iam-policy-binding p --member=user:me@x.example "
     "--role=roles/artifactregistry.writer"),
    (RegistryAccess("eu.gcr.io", "example.com/p/i"), "push",
     "gcloud projects add-iam-policy-binding example.com:p --member=serviceAccount:ACCOUNT "
     "--role=roles/storage.admin"),
    (RegistryAccess("localhost:5000", "p/i", "ci@p.iam.gserviceaccount.com"), "pull",
     "gcr-emulator iam grant --server http://localhost:5000 --project p "
     "--member serviceAccount:ci@p.iam.gserviceaccount.com --role roles/storage.objectViewer"),
    (RegistryAccess("gcr.io", "p/i", "ci@p.iam.gserviceaccount.com", server="https://localhost"), "push",
     "gcr-emulator iam grant --server https://localhost --project p "
     "--member serviceAccount:ci@p.iam.gserviceaccount.com --role roles/storage.admin"),
]  # fmt: skip


@pytest.mark.parametrize(("access", "action", "command"), GRANTS)
def test_a_right_is_granted_in_the_project_of_the_image(
    access: RegistryAccess, action: str, command: str
) -> None:
    assert remedies.format_grant_command(access, action) == command


def test_a_key_from_docker_login_is_replaced_where_it_is_stored() -> None:
    kept = RegistryAccess("localhost:5000", None, "ci@p.iam.gserviceaccount.com")

    assert remedies.find_remedy(fail(lambda: refuse("gone", **KEY)), kept) == (
        "key refused",
        "gcr-emulator key create --server http://localhost:5000 --project p --account ci "
        "--output KEY.json --force && "
        "docker-credential-gcr login --key-file KEY.json --registries localhost:5000",
    )
