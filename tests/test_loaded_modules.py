"""The modules that each command loads: a written list, held against what is loaded when the command ends.

A slow import cannot come back unseen. A module that is added here needs its price in milliseconds, where it
is imported. A cached `get` has a test of its own, test_hot_path.
"""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

import docker_credential_gcr
from docker_credential_gcr.pytest_plugin import GcrEmulator

PACKAGE = docker_credential_gcr.__name__
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
# Modules of the standard library that cost half a millisecond or more, most of it for what they load in turn.
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
    """A command with what it loads: our own modules, and of DEAR and of other distributions at most these."""

    arguments: str
    own: str
    others: str = ""
    question: str = ""
    program: str = "__main__"


VERB = "__main__ errors helper helper.protocol helper.registries helper.wire"
CONFIG = "helper.config helper.paths helper.token_sources"
TOKENS = "helper.access_token helper.cache helper.keychain helper.logins"
DOCKER = "helper.config_file helper.docker_config helper.docker_types helper.json_text"
LOGIN = f"{VERB} {CONFIG} {TOKENS} helper.docker_login"
STORE = f"{LOGIN} helper.files helper.store"
KEY = "helper.endpoint helper.service_account helper.token_sources.key_file"
COMMAND = f"{VERB} cli cli.given_values cli.main cli.registry_names cli.spelling cli.verbs"
HOSTS = "helper.command_line helper.endpoint helper.known_hosts"
EDIT = "helper.config_edit helper.files helper.json_file"
CONFIGURE = (
    f"{COMMAND} {CONFIG} {DOCKER} {HOSTS} {EDIT} cli.configure_docker cli.terminal helper.config_changes "
    "helper.registration helper.surroundings helper.undo"
)
FILES = "contextlib enum json re"  # what writes a file loads these; click brings most of them
URLS = "ipaddress urllib.parse"
SIGNING = f"{FILES} {URLS} ast base64 cryptography dataclasses inspect random typing"  # cryptography's, 19 ms
SENDING = "email email.utils http http.client signal socket ssl string subprocess"  # http.client's, 22 ms

CLIENT = {
    "emulator.": (
        "answer cache cli client commands_group commands_listing commands_options commands_project "
        "commands_values connection_fault direct_request extra file_access hosts identity locations machine "
        "next_steps oci secret_forms server_files server_url settings site_ports"
    ),
    "emulator.identity.": (
        "conditions federation guesses names oauth_scopes policy principal resource roles services "
        "token_reader"
    ),
    "emulator.oci.": "digest errors reference",
}
EMULATOR = " ".join(["emulator", *(part + name for part, names in CLIENT.items() for name in names.split())])

ROWS = {
    "version": Row("version", VERB),
    "list": Row("list", f"{VERB} {CONFIG} {TOKENS} {DOCKER}"),
    "store-of-a-token": Row("store", LOGIN, question="TOKEN"),
    "store-of-a-strangers-login": Row("store", STORE, FILES, question="QUAY"),
    "store-of-a-key": Row("store", f"{STORE} {KEY} helper.jwt", SIGNING, question="KEY"),
    "erase": Row(
        "erase",
        f"{LOGIN} helper.token_sources.env helper.token_sources.key_file helper.token_sources.store",
        question="gcr.io",
    ),
    "erase-of-a-strangers-login": Row("erase", LOGIN, question="quay.example"),
    "help": Row("--help", COMMAND, "click shutil textwrap"),
    "status": Row(
        "status",
        f"{COMMAND} {CONFIG} {TOKENS} {DOCKER} {HOSTS} {KEY} cli.status cli.terminal helper.accounts "
        "helper.adc helper.agreement helper.lookup helper.metadata_host helper.source_check helper.status "
        "helper.surroundings helper.token_sources.env helper.token_sources.gcloud "
        "helper.token_sources.impersonated helper.token_sources.login helper.token_sources.metadata "
        "helper.token_sources.store helper.token_sources.token_file",
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
        f"{COMMAND} {CONFIG} {EDIT} cli.clear helper.access_token helper.cache helper.config_file "
        "helper.forgetting helper.json_text helper.logins helper.store helper.store_file",
        "click json",
    ),
    "login-with-a-key": Row(
        "login --key-file key.json --registries REGISTRY",
        f"{COMMAND} {CONFIG} {DOCKER} {HOSTS} {EDIT} {KEY} cli.login cli.terminal helper.access_token "
        "helper.adc helper.agreement helper.cache helper.config_changes helper.connection_faults "
        "helper.deadline helper.direct_request helper.http helper.jwt helper.key_login helper.logins "
        "helper.oauth helper.redaction helper.store helper.surroundings",
        f"click shlex shutil webbrowser {SIGNING} {SENDING}",
    ),
    "project-list": Row(
        "project list",
        EMULATOR,
        "click base64 dataclasses difflib hashlib json pathlib random shlex shutil textwrap traceback "
        f"{URLS} {SENDING}",
        program="emulator.cli",
    ),
}


@pytest.fixture
def environ(tmp_path: Path, gcr_emulator: GcrEmulator) -> dict[str, str]:
    """Returns the environment of a home with a key, where docker asks this program for two registries."""
    (tmp_path / "key.json").write_bytes(gcr_emulator.key().read_bytes())
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
        "GCR_EMULATOR_URL": gcr_emulator.url,
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
    """Returns what docker writes to the program: a host, or a login of one."""
    host = "quay.example" if row.question == "QUAY" else "gcr.io"
    login = {"ServerURL": host, "Username": "oauth2accesstoken", "Secret": "ya29.token"}
    if row.question == "KEY":
        google = {**key, "token_uri": "https://oauth2.googleapis.com/token"}
        login.update(Username="_json_key", Secret=json.dumps(google))
    return json.dumps(login) if row.question in ("QUAY", "TOKEN", "KEY") else row.question


@pytest.mark.parametrize("name", ROWS)
def test_a_command_loads_what_is_written_here(
    name: str, environ: dict[str, str], gcr_emulator: GcrEmulator
) -> None:
    row = ROWS[name]
    imported = "click" if "click" in row.others.split() else "sys"
    before = list_loaded(f"import os, sys, {imported}; {REPORT}", environ)
    arguments = row.arguments.replace("REGISTRY", gcr_emulator.registry).split()
    question = make_question(row, json.loads(Path(environ["HOME"], "key.json").read_text()))

    found = list_loaded(
        PROBE.format(program=row.program, report=REPORT), environ, *arguments, question=question
    )

    own = {module.removeprefix(f"{PACKAGE}.") for module in found if module.startswith(PACKAGE)}
    assert own - {PACKAGE} == set(row.own.split())
    packages = {module.partition(".")[0] for module in found - before} - set(sys.stdlib_module_names)
    # Others are parts of a distribution that it compiles.
    others = {name for name in packages if name.isidentifier() and not name.startswith("_")} - {PACKAGE}
    assert (others | DEAR & (found - before)) - set(row.others.split()) == set()


def test_a_shell_is_told_the_commands_without_loading_them(environ: dict[str, str]) -> None:
    asked = {
        "_DOCKER_CREDENTIAL_GCR_COMPLETE": "zsh_complete",
        "COMP_WORDS": "docker-credential-gcr ",
        "COMP_CWORD": "1",
    }

    found = list_loaded(PROBE.format(program="__main__", report=REPORT), environ | asked)

    own = {module.removeprefix(f"{PACKAGE}.") for module in found if module.startswith(PACKAGE)}
    assert own - {PACKAGE} == {*COMMAND.split(), "cli.completion"}
