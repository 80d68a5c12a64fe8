"""gcr-emulator credentials: files of every kind, as google-auth reads them, and their endpoints."""

import configparser
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import google.auth
import pytest
import requests
from google.auth import exceptions
from google.auth.transport.requests import Request
from support.backing_services import serve
from support.checkout import DOCS
from support.registry_client import RegistryClient

from docker_credential_gcr.emulator.settings import Settings

Emulator = Any
Run = Callable[..., tuple[int, str, str]]

PLATFORM = "https://www.googleapis.com/auth/cloud-platform"
FILES = ("service_account", "authorized_user", "external_account", "impersonated_service_account")
PAGE = (DOCS / "credentials.md").read_text("utf-8")
EMAIL = "ci@my-project.iam.gserviceaccount.com"

pytestmark = pytest.mark.filterwarnings("ignore:Your application has authenticated using end user")


@pytest.fixture
def create(run: Run, gcr_emulator: Emulator, tmp_path: Path) -> Callable[..., Any]:
    """Creates an editor's credential; returns its path."""
    gcr_emulator.project()

    def make(kind: str, *arguments: object) -> Path:
        path = tmp_path / kind
        server = ["--server", gcr_emulator.url, "--role", "roles/editor"]
        code, out, err = run("credentials", "create", "--type", kind, "--output", path, *server, *arguments)
        assert (code, out) == (0, ""), err
        return path

    return make


@pytest.fixture
def load(monkeypatch: pytest.MonkeyPatch) -> Callable[[Path], Any]:
    """Returns google-auth's default credentials; with scopes it would look up the project here."""

    def find(path: Path) -> Any:
        monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(path))
        credentials, _ = google.auth.default()
        return credentials.with_scopes([PLATFORM]) if credentials.requires_scopes else credentials

    return find


def fetch_token(credentials: Any, request: Request | None = None) -> str:
    if not credentials.valid:
        credentials.refresh(request or Request())
    token: str = credentials.token
    return token


def ask_registry(gcr_emulator: Emulator, token: str) -> int:
    client = RegistryClient(gcr_emulator.url, ("_token", token))
    return int(client.ask_token("repository:my-project/app:pull,push").status_code)


def list_urls(document: object) -> Iterator[str]:
    """Returns every URL in a document."""
    if isinstance(document, dict):
        for value in document.values():
            yield from list_urls(value)
    elif isinstance(document, str) and re.match(r"[a-z]+://", document):
        yield document


class Resolving(requests.adapters.HTTPAdapter):
    """Sends requests for names under *.localhost to the emulator, as a resolver does and TLS would."""

    def __init__(self, root: str) -> None:
        super().__init__()
        self._root = root
        self.hosts: list[str] = []

    def send(self, request: Any, *arguments: Any, **options: Any) -> Any:
        url = urlsplit(request.url)
        self.hosts.append(url.netloc)
        request.headers["Host"] = url.netloc
        request.url = f"{self._root}{url.path}"
        return super().send(request, *arguments, **options)


@pytest.mark.parametrize("kind", FILES)
def test_a_file_is_its_owners_alone_and_leads_to_the_emulator(
    gcr_emulator: Emulator, create: Any, kind: str
) -> None:
    path = create(kind)

    document = json.loads(path.read_text())
    urls = list(list_urls(document))
    assert (document["type"], path.stat().st_mode & 0o777) == (kind, 0o600)
    assert urls
    assert [url for url in urls if not url.startswith(f"{gcr_emulator.url}/")] == []


def test_google_auth_trades_a_key(gcr_emulator: Emulator, create: Any, load: Any) -> None:
    assert ask_registry(gcr_emulator, fetch_token(load(create("service_account")))) == 200


def test_google_auth_uses_a_login_and_refuses_to_take_it_to_google(
    gcr_emulator: Emulator, create: Any, load: Any
) -> None:
    credentials = load(create("authorized_user"))

    assert ask_registry(gcr_emulator, fetch_token(credentials)) == 200
    with pytest.raises(exceptions.RefreshError, match=r"only supported in the default googleapis\.com"):
        credentials.refresh(Request())


@pytest.mark.parametrize("in_file", [False, True])
def test_google_auth_exchanges_a_subject_token_again_and_again(
    gcr_emulator: Emulator, create: Any, load: Any, tmp_path: Path, in_file: bool
) -> None:
    where = tmp_path / "subject-token"
    credentials = load(create("external_account", *(["--subject-token-file", where] if in_file else [])))

    for _ in range(2):
        credentials.refresh(Request())
        assert ask_registry(gcr_emulator, credentials.token) == 200
    assert where.exists() == in_file


def test_google_auth_impersonates_at_a_host_that_is_never_googles(
    gcr_emulator: Emulator, create: Any, load: Any
) -> None:
    credentials = load(create("impersonated_service_account"))
    session = requests.Session()
    resolving = Resolving(gcr_emulator.url)
    host = f"iamcredentials.googleapis.com.{gcr_emulator.registry}"
    session.mount(f"https://{host}", resolving)

    assert ask_registry(gcr_emulator, fetch_token(credentials, Request(session))) == 200
    assert resolving.hosts == [host]


@pytest.mark.parametrize("kind", FILES)
def test_the_helper_gets_a_token_from_every_file(
    gcr_emulator: Emulator, create: Any, tmp_path: Path, kind: str
) -> None:
    environ = {
        "PATH": os.environ["PATH"],
        "HOME": str(tmp_path),
        "DOCKER_CONFIG": str(gcr_emulator.configure_docker(create(kind))),
        "DOCKER_CREDENTIAL_GCR_CONFIG": os.environ["DOCKER_CREDENTIAL_GCR_CONFIG"],
    }

    done = subprocess.run(
        ["docker-credential-gcr", "get"],
        input=gcr_emulator.registry,
        env=environ,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert (done.returncode, done.stderr) == (0, ""), done.stdout
    assert ask_registry(gcr_emulator, json.loads(done.stdout)["Secret"]) == 200


def test_google_auth_finds_the_metadata_server(gcr_emulator: Emulator, create: Any) -> None:
    path = create("metadata")
    script = (
        "import google.auth, google.auth.transport.requests as t\n"
        "credentials, project = google.auth.default(scopes=['https://www.googleapis.com/auth/cloud-platform'])\n"
        "credentials.refresh(t.Request())\n"
        "print(project, credentials.service_account_email, credentials.universe_domain, credentials.token)\n"
    )
    command = f'set -a; . {path}; set +a; exec {sys.executable} -c "$SCRIPT"'
    environ = {"PATH": os.environ["PATH"], "HOME": str(path.parent), "SCRIPT": script}

    done = subprocess.run(
        ["sh", "-euc", command], env=environ, capture_output=True, text=True, timeout=60, check=False
    )

    assert done.returncode == 0, done.stderr
    project, email, universe, token = done.stdout.split()
    assert (project, email, universe) == ("my-project", EMAIL, "googleapis.com")
    assert ask_registry(gcr_emulator, token) == 200
    assert (
        gcr_emulator.metadata.environ.items()
        <= dict(line.split("=", 1) for line in path.read_text().splitlines()).items()
    )


def test_gcloud_gets_a_directory_that_leads_it_here(gcr_emulator: Emulator, create: Any, load: Any) -> None:
    path = create("gcloud")

    parser = configparser.ConfigParser()
    parser.read(path / "configurations" / "config_default")
    overrides = dict(parser["api_endpoint_overrides"])
    assert {name: dict(parser[name]) for name in ("core", "artifacts")} == {
        "core": {"account": EMAIL, "project": "my-project", "disable_usage_reporting": "true"},
        "artifacts": {"allow_unrecognized_registry": "true"},
    }
    assert parser["auth"]["credential_file_override"] == str(path / "key.json")
    assert parser["auth"]["token_host"] == f"{gcr_emulator.url}/token"
    assert overrides
    assert {urlsplit(url).netloc for url in overrides.values()} == {gcr_emulator.registry}
    assert (path / "active_config").read_text() == "default"
    assert {item.stat().st_mode & 0o077 for item in path.rglob("*")} == {0}
    assert ask_registry(gcr_emulator, fetch_token(load(path / "key.json"))) == 200


@pytest.mark.parametrize("kind", FILES)
def test_what_is_for_googles_names_knows_no_others(create: Any, kind: str) -> None:
    path = create(kind, "--token-uri", "google")

    document = json.loads(path.read_text())
    document.pop("credential_source", None)  # the issuer of subject tokens is always the emulator's
    hosts = {urlsplit(url).hostname for url in list_urls(document)}
    assert {host for host in hosts if not host.endswith((".googleapis.com", "accounts.google.com"))} == set()
    assert "localhost" not in json.dumps(document)


NODE = (
    "note: google-auth-library for Node.js uses oauth2.googleapis.com, whatever the file says: "
    "use --token-uri google in gcr-emulator run\n"
)


@pytest.mark.parametrize("kind", FILES, ids=lambda kind: f"J-Z63-{kind}")
@pytest.mark.parametrize("token_uri", ["emulator", "google"])
def test_z63_what_node_would_send_to_google_is_told(
    gcr_emulator: Emulator, run: Run, tmp_path: Path, kind: str, token_uri: str
) -> None:
    gcr_emulator.project()
    where = ("--output", tmp_path / "file", "--server", gcr_emulator.url, "--token-uri", token_uri)

    _, _, told = run("credentials", "create", "--type", kind, *where)

    assert (NODE in told) == (token_uri == "emulator" and kind != "external_account")
    cells = [line.split(" | ") for line in PAGE.splitlines() if line.startswith(f"| `{kind}` |")][-1]
    assert ("inside `gcr-emulator run` only" in cells[2]) == (kind != "external_account")


@pytest.mark.parametrize("kind", FILES)
def test_every_file_is_made_for_the_operator_of_a_strict_server(run: Run, tmp_path: Path, kind: str) -> None:
    path = tmp_path / "file"
    subject = ("--subject-token-file", tmp_path / "subject") if kind == "external_account" else ()
    settings = Settings(port=0, data=tmp_path / "data", projects=("my-project",), strict_admin=True)

    with serve(settings) as ready:
        operator = ("--server", ready.url, "--token-file", ready.operator_token_file)
        code, _, told = run("credentials", "create", "--type", kind, "--output", path, *operator, *subject)

    assert (code, json.loads(path.read_text())["type"]) == (0, kind), told


def test_stdout_gets_the_file(run: Run, gcr_emulator: Emulator) -> None:
    gcr_emulator.project()
    arguments = ["--type", "service_account", "--output", "-", "--server", gcr_emulator.url]

    code, out, err = run("credentials", "create", *arguments)

    assert (code, json.loads(out)["client_email"], err) == (0, EMAIL, NODE)


def test_creating_it_again_needs_force(gcr_emulator: Emulator, run: Run, create: Any) -> None:
    for kind in ("external_account", "gcloud"):
        path = create(kind)
        arguments = ["--type", kind, "--output", path, "--server", gcr_emulator.url]
        place = "file" if kind == "external_account" else "directory"

        assert run("credentials", "create", *arguments) == (
            1,
            "",
            f"gcr-emulator: {path} exists: name another {place}, or replace it with --force\n",
        )
        assert create(kind, "--force") == path


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["--type", "gcloud", "--output", "-"], 1, "gcloud needs a directory: name one with --output"),
        (
            ["--type", "service_account", "--account", "ada@example.com", "--output", "-"],
            2,
            "'ada@example.com' is a person: service_account needs a service account",
        ),
        (
            ["--type", "metadata", "--subject-token-file", "x", "--output", "-"],
            2,
            "--subject-token-file is for external_account",
        ),
        (["--type", "service_account", "--output", "-"], 1, "there are 2 projects: name one with --project"),
    ],
)
def test_what_cannot_be_is_refused(
    run: Run, gcr_emulator: Emulator, arguments: list[str], code: int, message: str
) -> None:
    gcr_emulator.project()
    gcr_emulator.project("other-project")

    refused = run("credentials", "create", *arguments, "--server", gcr_emulator.url)

    assert (refused[:2], message in refused[2]) == ((code, ""), True)


def test_metadata_is_refused_where_no_client_could_ask(run: Run) -> None:
    arguments = ["--type", "metadata", "--project", "my-project", "--output", "-"]

    code, out, err = run("credentials", "create", *arguments, "--server", "https://localhost:1")

    assert (code, out) == (1, "")
    assert err == ("gcr-emulator: no client speaks TLS to a metadata server: start a server without --tls\n")
