"""Modules that each command loads: a written list, compared with those that are loaded when it ends.

A slow import cannot come back unseen. A module that is added here needs its cost in milliseconds, next to its
import.
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from support.keys import save_certificate
from support.servers.endpoint import EndpointServer, Handler

import docker_credential_gcr
from docker_credential_gcr.helper import lookup
from docker_credential_gcr.helper.tokens import AccessToken, cache

PACKAGE = docker_credential_gcr.__name__
HOST = "localhost:5000"
# Runs a command to its end, then writes the names of the modules that are loaded.
PROBE = """
import os, sys
from docker_credential_gcr.{program} import main
try:
    raise SystemExit(main(sys.argv[1:]))
finally:
    {report}
"""
REPORT = 'open(os.environ["LOADED"], "w").write(" ".join(sys.modules))'
# Modules of the standard library that cost half a millisecond or more, most of it for the modules they load.
DEAR = {
    *("argparse", "ast", "asyncio", "base64", "concurrent.futures", "configparser", "contextlib", "csv"),
    *("ctypes", "dataclasses", "datetime", "decimal", "difflib", "email", "email.utils", "enum", "getpass"),
    *("hashlib", "html", "http", "http.client", "importlib.metadata", "inspect", "ipaddress", "json"),
    *("logging", "multiprocessing", "pathlib", "platform", "random", "re", "secrets", "shlex", "shutil"),
    *("signal", "socket", "socketserver", "sqlite3", "ssl", "string", "subprocess", "sysconfig", "tempfile"),
    *("textwrap", "threading", "traceback", "typing", "unittest", "urllib.parse", "urllib.request", "uuid"),
    *("webbrowser", "xml", "zipfile"),
}


class Row(NamedTuple):
    """Command with the modules that it loads: all of ours, and at most these of DEAR and other distributions.

    With `is_all`, `others` are all others, not only those of DEAR. `cached` are the settings of gcr.io with
    a cached token; `source` is a source of a first token.
    """

    arguments: str
    own: str
    others: str = ""
    question: str = ""
    program: str = "__main__"
    is_all: bool = False
    cached: dict[str, Any] | None = None
    source: str | None = None


def inside(package: str, names: str) -> str:
    """Returns the full names of modules of a package."""
    return " ".join(f"{package}.{name}" for name in names.split())


VERB = "__main__ errors helper.protocol helper.registries helper.wire"
CONFIG = "helper.config helper.paths helper.tokens"
CACHE = "helper.tokens.cache"
TOKENS = f"{CACHE} helper.keychain helper.token_sources helper.credential_store.entries"
DOCKER = inside("helper.configure", "config_file docker_config docker_types json_members")
LOGIN = f"{VERB} {CONFIG} {TOKENS} helper.docker_login"
STORE = f"{LOGIN} files helper.credential_store.store"
KEY = f"{inside('helper.google_auth', 'endpoint service_account')} helper.token_sources.key_file"
COMMAND = f"{VERB} cli.main cli.registry_names cli.go_flags cli.verbs commands.argument_checks"
HOSTS = f"{inside('helper.configure', 'arguments registry_hosts')} helper.google_auth.endpoint locations"
EDIT = f"{inside('helper.configure', 'config_edit json_file')} files"
CONFIGURE = (
    f"{COMMAND} {CONFIG} {DOCKER} {HOSTS} {EDIT} cli.configure_docker cli.terminal "
    f"{inside('helper.configure', 'configure environment helper_config undo_record')}"
)
FILES = "contextlib enum json re"  # loaded to write a file; click loads most of them
URLS = "ipaddress urllib.parse"
SIGNING = f"{FILES} {URLS} ast base64 cryptography dataclasses inspect random typing"  # cryptography's, 19 ms
SENDING = "email email.utils http http.client signal socket ssl string subprocess"  # http.client's, 22 ms

# Modules that http.client loads, in 22 ms, also where we import them ourselves. Names with _ at their start
# are parts of these.
PARTS = (
    "array base64 binascii bisect calendar collections contextlib copy copyreg datetime email encodings enum "
    "errno fcntl functools http ipaddress itertools keyword locale math operator quopri random re reprlib "
    "select selectors socket sre_compile sre_constants sre_parse ssl string stringprep struct threading "
    "types typing unicodedata urllib uu warnings weakref"
)
# Modules that cryptography loads, in 19 ms.
SIGNERS = (
    "__future__ annotationlib ast bcrypt cryptography dataclasses dis importlib inspect linecache opcode "
    "token tokenize"
)
SENDER = (
    f"{inside('helper.google_auth', 'connection_faults direct_request http oauth')} helper.redaction "
    "connection_causes deadline"
)
FIRST = (
    f"{VERB} {CONFIG} {CACHE} {SENDER} files helper.keychain helper.token_sources helper.tokens.refresh "
    f"{inside('helper.google_auth', 'endpoint service_account')}"
)
FIRST_OF_FILE = "helper.google_auth.adc helper.token_sources.key_file"
CACHED = f"{VERB} {CONFIG} {CACHE} helper.keychain helper.token_sources"
BARE = "_blake2 _json errno fcntl time"  # `_json` 0.4 ms


def add_packages(names: Iterable[str]) -> set[str]:
    """Returns the names of modules with the packages in which they are."""
    parts = [name.split(".") for name in names]
    return {".".join(part[:end]) for part in parts for end in range(1, len(part) + 1)}


def make_first(source: str, own: str, others: str = "") -> Row:
    """Returns the row of a first token."""
    others = f"{PARTS} {others}"
    return Row("get", f"{FIRST} {own}", others, question=HOST, is_all=True, source=source)


def make_cached(own: str, **settings: Any) -> Row:
    """Returns the row of a cached token, whose source is found by name and sends no request."""
    return Row("get", f"{CACHED} {own}", BARE, question="gcr.io", is_all=True, cached=settings)


OUTSIDE = "commands commands.argument_checks connection_causes deadline emulator errors locations"
CLIENT = {
    "emulator.": "extra gce_instance next_steps runtime.files runtime.memoize settings",
    "emulator.cli.": "group listing main options resources.project",
    "emulator.client.": "connection_fault direct_request response rest server_files server_url",
    "emulator.identity.": (
        "cel.budget cel.conditions cel.environment cel.evaluator cel.parser cel.tokenizer cel.values "
        "federation.principals google_services oauth.scopes policy principal redirection resource "
        "resource_names roles suggestions"
    ),
    "emulator.oci.": "digest errors reference",
    "emulator.sites.": "hosts locations ports",
}
EMULATOR = " ".join(
    [*OUTSIDE.split(), *(part + name for part, names in CLIENT.items() for name in names.split())]
)

ROWS = {
    "version": Row("version", VERB),
    "cached-store": make_cached("helper.token_sources.credential_file", TokenSources=["store"]),
    "cached-key": make_cached("helper.token_sources.env helper.token_sources.key_file", TokenSources=["env"]),
    "cached-gcloud": make_cached(
        "helper.token_sources.gcloud", TokenSources=["gcloud:work"], Account="me@x.example"
    ),
    "cached-metadata": make_cached("helper.token_sources.metadata", TokenSources=["metadata"]),
    "cached-token-file": make_cached("helper.token_sources.token_file", TokenSources=["token-file:TOKEN"]),
    "cached-impersonation": make_cached(
        "helper.token_sources.env helper.token_sources.impersonated helper.token_sources.key_file",
        TokenSources=["env"],
        Impersonate="ci@p.iam",
    ),
    "cached-kept-key": make_cached(
        "helper.credential_store.entries helper.token_sources.docker_login", TokenSources=["none"]
    ),
    "first-key": make_first("a key", f"{FIRST_OF_FILE} helper.google_auth.jwt", SIGNERS),
    "first-key-over-tls": make_first(
        "a key, over TLS", f"{FIRST_OF_FILE} helper.google_auth.jwt helper.google_auth.tls_context", SIGNERS
    ),
    "first-person": make_first("a person's credential", FIRST_OF_FILE),
    "first-login": make_first(
        "a login", "helper.google_auth.timestamps helper.token_sources.credential_file"
    ),
    "first-metadata": make_first(
        "the metadata server", "helper.google_auth.metadata_server helper.token_sources.metadata", "json"
    ),
    "first-impersonation": make_first(
        "impersonation",
        f"{FIRST_OF_FILE} helper.google_auth.impersonation helper.google_auth.timestamps",
        "json",
    ),
    "list": Row("list", f"{VERB} {CONFIG} {TOKENS} {DOCKER}"),
    "store-of-a-token": Row("store", LOGIN, question="TOKEN"),
    "store-of-a-strangers-login": Row("store", STORE, FILES, question="QUAY"),
    "store-of-a-key": Row(
        "store",
        f"{STORE} {inside('helper.google_auth', 'endpoint jwt service_account')}",
        SIGNING,
        question="KEY",
    ),
    "erase": Row(
        "erase",
        f"{LOGIN} {inside('helper.token_sources', 'credential_file env key_file')}",
        question="gcr.io",
    ),
    "erase-of-a-strangers-login": Row("erase", LOGIN, question="quay.example"),
    "help": Row("--help", COMMAND, "click shutil textwrap"),
    "status": Row(
        "status",
        f"{COMMAND} {CONFIG} {TOKENS} {DOCKER} {HOSTS} {KEY} cli.status cli.terminal helper.google_auth.adc "
        f"{inside('helper.doctor', 'accounts source_check status')} helper.lookup "
        f"{inside('helper.configure', 'conflicts environment')} "
        f"{inside('helper.token_sources', 'credential_file docker_login env gcloud impersonated metadata')} "
        "helper.token_sources.token_file",
        f"click dataclasses json shutil {URLS}",
    ),
    "configure-docker": Row("configure-docker", CONFIGURE, f"click dataclasses json shutil {URLS}"),
    "configure-docker-dry-run": Row(
        "configure-docker --dry-run",
        f"{CONFIGURE} cli.diff",
        f"click dataclasses difflib json shutil {URLS}",
    ),
    "clear": Row(
        "clear",
        f"{COMMAND} {CONFIG} {EDIT} {CACHE} cli.clear helper.tokens.clear helper.login.credential_file "
        f"{inside('helper.configure', 'config_file json_members')} "
        f"{inside('helper.credential_store', 'entries store')}",
        "click json",
    ),
    "login-with-a-key": Row(
        "login --key-file key.json --registries REGISTRY",
        f"{COMMAND} {CONFIG} {CACHE} {DOCKER} {HOSTS} {EDIT} {KEY} {SENDER} cli.login cli.terminal "
        f"{inside('helper.google_auth', 'adc jwt')} helper.login.key_file "
        "helper.configure.helper_config "
        f"{inside('helper.credential_store', 'entries store')}",
        f"click shlex shutil webbrowser {SIGNING} {SENDING}",
    ),
    "project-list": Row(
        "project list",
        EMULATOR,
        "click base64 dataclasses difflib hashlib json pathlib random shlex shutil textwrap traceback "
        f"{URLS} {SENDING}",
        program="emulator.cli.main",
    ),
}


PERSON = {"type": "authorized_user", "client_id": "i", "client_secret": "s", "refresh_token": "1//x"}


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_certificate(tmp_path_factory.mktemp("certificate"), "localhost")


@pytest.fixture
def server(certificate: Path, request: pytest.FixtureRequest) -> Iterator[EndpointServer]:
    source = ROWS[request.getfixturevalue("name")].source or ""
    server = EndpointServer(certificate, is_tls="TLS" in source)
    server.reply = answer
    yield server
    server.close()


def answer(handler: Handler) -> None:
    """Answers as every Google endpoint does."""
    until = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 3600))
    token = {"access_token": "ya29.x", "expires_in": 3600, "accessToken": "ya29.x", "expireTime": until}
    handler.end(200, json.dumps(token).encode(), Metadata_Flavor="Google")


def write_source(
    name: str, folder: Path, url: str, key: dict[str, str], environ: dict[str, str]
) -> str | dict[str, object]:
    """Writes the files of a token source, and returns the source."""
    document: dict[str, object] = {
        **(key if name.startswith("a key") else PERSON),
        "token_uri": f"{url}/token",
    }
    if name == "a login":
        (folder / "store").write_text(json.dumps({"gcrCreds": document}))
        environ["DOCKER_CREDENTIAL_GCR_STORE"] = str(folder / "store")
        return "store"
    if name == "the metadata server":
        environ["GCE_METADATA_HOST"] = url.rpartition("/")[2]
        return "metadata"
    if name == "impersonation":
        account = f"{url}/v1/projects/-/serviceAccounts/ci@p.iam:generateAccessToken"
        document = {
            "type": "impersonated_service_account",
            "service_account_impersonation_url": account,
            "source_credentials": document,
        }
    (folder / "credential.json").write_text(json.dumps(document))
    return f"file:{folder}/credential.json"


def cache_token(settings: dict[str, Any], environ: dict[str, str]) -> None:
    """Writes the settings of gcr.io, what each token source reads, and a token into the cache."""
    home = Path(environ["HOME"])
    folder = home / ".config/gcloud"
    folder.mkdir(parents=True)
    (home / "token").write_text("ya29.cached")
    configuration = json.dumps({"Registries": {"gcr.io": settings}}).replace("TOKEN", str(home / "token"))
    (folder / "docker_credential_gcr_config.json").write_text(configuration)
    (folder / "docker_credentials.json").write_text('{"gcrCreds": {"refresh_token": "1//kept"}}')
    if settings["TokenSources"] == ["none"]:  # the key from docker login
        logins = folder / "docker_credential_gcr_logins.json"
        logins.write_text('{"logins": {"gcr.io": {"Username": "_json_key", "Stamp": "1"}}}')
        logins.chmod(0o600)
    search = lookup.open_search("gcr.io", environ=environ)
    entry, now = search.find_entry(search.find_source(search.list_names()[0])), int(time.time())
    if entry:
        cache.save_token(entry, AccessToken("ya29.cached", expires_at=now + 3600, obtained_at=now))


def buy_token(source: str, server: EndpointServer, environ: dict[str, str], key: dict[str, str]) -> None:
    """Configures a source of a first token, with an endpoint that is reached without a proxy."""
    home = Path(environ["HOME"])
    url = f"{'https' if 'TLS' in source else 'http'}://{server.host}"
    environ["DOCKER_CREDENTIAL_GCR_CONFIG"] = str(home / "config.json")
    name = write_source(source, home, url, key, environ)
    (home / "config.json").write_text(json.dumps({"Registries": {HOST: {"TokenSources": [name]}}}))


@pytest.fixture
def environ(tmp_path: Path, private_key: str) -> dict[str, str]:
    """Returns the environment of a home with a key, whose docker asks this program for two registries."""
    key = {"type": "service_account", "client_email": "ci@p.iam", "private_key": private_key}
    (tmp_path / "key.json").write_text(json.dumps(key))
    (tmp_path / ".docker").mkdir()
    helpers = {"gcr.io": "gcr", "us-docker.pkg.dev": "gcr"}
    (tmp_path / ".docker/config.json").write_text(json.dumps({"credHelpers": helpers}))
    program = tmp_path / "docker-credential-gcr"
    program.touch(mode=0o700)
    root = Path(docker_credential_gcr.__file__).parents[1]
    return {
        "HOME": str(tmp_path),
        "PATH": str(tmp_path),
        "PYTHONPATH": os.pathsep.join([str(root), *filter(None, sys.path)]),
        "DOCKER_CREDENTIAL_GCR_KEYRING": "file",
        "GOOGLE_APPLICATION_CREDENTIALS": str(tmp_path / "key.json"),
        "LOADED": str(tmp_path / "loaded"),
    }


def list_loaded(code: str, environ: dict[str, str], *arguments: str, question: str = "") -> set[str]:
    """Returns the modules that are loaded when the code has run.

    -S: the `.pth` file of an editable install is not read, whose finder loads half of the standard library.
    """
    command = [sys.executable, "-S", "-c", code, *arguments]
    run = subprocess.run(
        command, input=question.encode(), env=environ, cwd=environ["HOME"], capture_output=True, timeout=60
    )
    assert run.returncode == 0, run
    return set(Path(environ["LOADED"]).read_text().split())


def make_question(row: Row, key: dict[str, str]) -> str:
    """Returns docker's input to the program: a host, or the login for a host."""
    host = "quay.example" if row.question == "QUAY" else "gcr.io"
    login = {"ServerURL": host, "Username": "oauth2accesstoken", "Secret": "ya29.token"}
    if row.question == "KEY":
        google = {**key, "token_uri": "https://oauth2.googleapis.com/token"}
        login.update(Username="_json_key", Secret=json.dumps(google))
    return json.dumps(login) if row.question in ("QUAY", "TOKEN", "KEY") else row.question


@pytest.mark.parametrize("name", ROWS)
def test_a_command_loads_what_is_written_here(
    name: str,
    environ: dict[str, str],
    server: EndpointServer,
    certificate: Path,
    request: pytest.FixtureRequest,
) -> None:
    row, registry, path = ROWS[name], "", Path(environ["HOME"], "key.json")
    if not (row.cached or row.source):
        emulator = request.getfixturevalue("gcr_emulator")
        registry, environ["GCR_EMULATOR_URL"] = emulator.registry, emulator.url
        path.write_bytes(emulator.key().read_bytes())
    key = json.loads(path.read_text())
    if row.cached:
        cache_token(row.cached, environ)
    if row.source:
        environ["DOCKER_CREDENTIAL_GCR_CA_FILE"] = str(certificate.with_name("CA.pem"))
        buy_token(row.source, server, environ, key)
    imported = "click" if "click" in row.others.split() else "sys"
    before = list_loaded(f"import os, sys, {imported}; {REPORT}", environ)
    arguments = row.arguments.replace("REGISTRY", registry).split()
    question = make_question(row, key)

    found = list_loaded(
        PROBE.format(program=row.program, report=REPORT), environ, *arguments, question=question
    )

    own = {module.removeprefix(f"{PACKAGE}.") for module in found if module.startswith(PACKAGE)}
    assert own - {PACKAGE} == add_packages(row.own.split())
    loaded = found - before - {module for module in found if module.startswith(PACKAGE)}
    if row.cached:
        assert loaded - set(row.others.split()) == set()
        return
    packages = {module.partition(".")[0] for module in loaded}
    # Other names are parts that a distribution has compiled.
    public = {name for name in packages if name.isidentifier() and not name.startswith("_")}
    others = public if row.is_all else (public - set(sys.stdlib_module_names)) | DEAR & loaded
    assert others - {*row.others.split(), "__future__"} == set()


def test_a_shell_is_told_the_commands_without_loading_them(environ: dict[str, str]) -> None:
    asked = {
        "_DOCKER_CREDENTIAL_GCR_COMPLETE": "zsh_complete",
        "COMP_WORDS": "docker-credential-gcr ",
        "COMP_CWORD": "1",
    }

    found = list_loaded(PROBE.format(program="__main__", report=REPORT), environ | asked)

    own = {module.removeprefix(f"{PACKAGE}.") for module in found if module.startswith(PACKAGE)}
    assert own - {PACKAGE} == add_packages([*COMMAND.split(), "commands.completion_script"])
