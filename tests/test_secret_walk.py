"""Secrets in the place of a path, a host, a name or a URL are never repeated: a walk over all parameters.

The options come from click and argparse, the variables from the product's table: a new one is walked, too.
"""

import ast
import importlib
import io
import json
import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import click
import pytest
from keyring.errors import KeyringError
from support.secret_values import SECRETS, find_pieces, list_names

import docker_credential_gcr
from docker_credential_gcr.__main__ import main
from docker_credential_gcr.cli.main import ALIASES, cli
from docker_credential_gcr.errors import Error
from docker_credential_gcr.helper import paths, protocol
from docker_credential_gcr.keyring_backend import PythonIndexKeyring
from docker_credential_gcr.kubelet import program
from docker_credential_gcr.library import get_token

ROOT = Path(docker_credential_gcr.__file__).parent
HOST, GCLOUDS = "localhost:1", "localhost:2"  # nothing listens there
REQUEST = json.dumps(
    {
        "kind": "CredentialProviderRequest",
        "apiVersion": "credentialprovider.kubelet.k8s.io/v1",
        "image": f"{HOST}/p/app",
    }
)
# Variables for something else than a path, a host, a name or a URL, which no message repeats.
OTHER_VARIABLES = {
    *("COMP_LAST", "COMP_WORDS", "NO_COLOR"),
    *("METADATA_SERVER_DETECTION", "NO_GCE_CHECK"),
    *("DOCKER_AUTH_CONFIG", "GCR_EMULATOR_REGISTRY", "GCR_EMULATOR_URL", "PATH"),
    *("GOOGLE_EXTERNAL_ACCOUNT_ALLOW_EXECUTABLES", "_DOCKER_CREDENTIAL_GCR_COMPLETE"),
}


class Home:
    """A home with a configuration; runs the programs in this process, and reads all that they leave."""

    def __init__(self, folder: Path, capture: Any, patch: pytest.MonkeyPatch) -> None:
        self.folder, self.capture, self.patch = folder, capture, patch
        self.log = folder / "log"
        sources = {HOST: ["store", "env", "metadata"], GCLOUDS: ["gcloud"]}
        configuration = {"Registries": {host: {"TokenSources": names} for host, names in sources.items()}}
        own = folder / ".config/gcloud/docker_credential_gcr_config.json"
        own.parent.mkdir(parents=True)
        own.write_text(json.dumps(configuration))
        (folder / ".docker").mkdir()
        (folder / ".docker/config.json").write_text(json.dumps({"credHelpers": {HOST: "gcr"}}))
        self.environ = {"HOME": str(folder), "PATH": str(folder), "NO_GCE_CHECK": "true"}
        self.environ |= {protocol.LOG: str(self.log), "XDG_RUNTIME_DIR": str(folder)}
        patch.chdir(folder)

    def run(self, *calls: Callable[[], object], **environ: str) -> str:
        """Runs the calls; returns all that they leave: output, exceptions, the log, the names of files."""
        raised = []
        with self.patch.context() as patch:
            for name in list(os.environ):
                patch.delenv(name)
            for name, value in (self.environ | environ).items():
                patch.setenv(name, value)
            for call in calls:
                try:
                    self.status = call()
                except SystemExit as end:
                    self.status = end.code
                except (Error, KeyringError) as error:
                    raised.append(f"{error} {error!r} {getattr(error, 'hint', '')}")
        captured = self.capture.readouterr()
        log = self.log.read_text() if self.log.exists() else ""
        return "\n".join((captured.out, captured.err, *raised, log, list_names(self.folder)))


@pytest.fixture
def home(tmp_path: Path, capfd: Any, monkeypatch: pytest.MonkeyPatch) -> Home:
    return Home(tmp_path, capfd, monkeypatch)


def ask(verb: str, host: str) -> Callable[[], object]:
    return lambda: protocol.run([verb], stdin=io.BytesIO(host.encode()))


def answer_kubelet(patch: pytest.MonkeyPatch) -> Callable[[], object]:
    def call() -> object:
        with patch.context() as streams:
            streams.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(REQUEST.encode())))
            return program.main([])

    return call


def list_parameters(group: click.Group = cli) -> Iterator[tuple[str, click.Parameter]]:
    """Yields the name of each command with each of its parameters that takes a value."""
    context = click.Context(group)
    for name in (*group.list_commands(context), *ALIASES):
        command = group.get_command(context, name)
        for parameter in command.params if command else ():
            if not getattr(parameter, "is_flag", False):
                yield name, parameter


PARAMETERS = {f"{name} {parameter.opts[0]}": (name, parameter) for name, parameter in list_parameters()}


@pytest.mark.parametrize("name", PARAMETERS, ids=lambda name: f"A-Z01-{name}")
def test_z01_no_option_and_no_argument_is_repeated(home: Home, name: str) -> None:
    command, parameter = PARAMETERS[name]
    option = [] if isinstance(parameter, click.Argument) else [parameter.opts[0]]

    for secret in SECRETS.values():
        left = home.run(lambda secret=secret: main([command, *option, secret]))

        assert (find_pieces(secret, left), home.status) == ([], 2)
        assert "not shown, because it may be a secret" in left


@pytest.mark.parametrize(
    "words",
    [("SECRET",), ("--SECRET",), ("status", "--SECRET"), ("status", "SECRET"), ("config", "--x=SECRET")],
    ids=lambda words: f"A-Z01-{' '.join(words)}",
)
def test_z01_no_word_that_is_neither_is_repeated(home: Home, words: tuple[str, ...]) -> None:
    for secret in SECRETS.values():
        left = home.run(lambda secret=secret: main([word.replace("SECRET", secret) for word in words]))

        assert (find_pieces(secret, left), home.status) == ([], 2)


@pytest.mark.parametrize("verb", ["get", "store", "erase", "list"], ids=lambda verb: f"A-Z01-{verb}")
def test_z01_no_argument_and_no_input_of_a_verb_is_repeated(home: Home, verb: str) -> None:
    for secret in SECRETS.values():
        triple = json.dumps({"ServerURL": secret, "Username": "me", "Secret": "s3cret"})
        given = ask(verb, triple if verb == "store" else secret)

        left = home.run(lambda secret=secret: main([verb, secret]), given)

        assert find_pieces(secret, left) == []


OPTIONS = [action.option_strings[-1] for action in program._make_parser()._actions if action.nargs is None]


@pytest.mark.parametrize("option", OPTIONS, ids=lambda option: f"A-Z01-{option}")
def test_z01_no_option_of_the_kubelet_s_plugin_is_repeated(home: Home, option: str) -> None:
    for secret in SECRETS.values():
        for words in ((option, secret), (f"{option}={secret}",), (secret,), (f"--{secret}",)):
            left = home.run(lambda words=words: program.main(["--print-config", *words]))

            assert (find_pieces(secret, left), home.status) == ([], 2)


@pytest.mark.parametrize("name", paths.VARIABLES, ids=lambda name: f"A-Z01-{name}")
def test_z01_no_variable_is_repeated(home: Home, name: str) -> None:
    calls: list[Callable[[], object]] = [
        *(ask("get", host) for host in (HOST, GCLOUDS, "gcr.io", "quay.io")),
        *(ask(verb, HOST) for verb in ("erase", "list")),
        *(lambda words=words: main(list(words)) for words in COMMANDS),
        lambda: program.main(["--print-config"]),
        answer_kubelet(home.patch),
        lambda: get_token(HOST),
        lambda: PythonIndexKeyring().get_credential(f"https://{HOST}/p/r/simple/", None),
    ]
    for secret in SECRETS.values():
        assert find_pieces(secret, home.run(*calls, **{name: secret})) == []


COMMANDS = (
    ("print-token", HOST),
    ("print-token", GCLOUDS),
    ("status",),
    ("status", "--json"),
    ("doctor", "--json", HOST),
    ("config", "--show"),
    ("configure-docker", "--dry-run", "--registries", HOST),
    ("unconfigure-docker", "--dry-run"),
    ("write-auth", "--format", "containers", "--registries", HOST),
    ("clear",),
    ("logout",),
)


def test_z70_a_password_in_the_metadata_server_s_name_is_not_in_the_log(home: Home) -> None:
    left = home.run(ask("get", HOST), GCE_METADATA_HOST="robot:PASSWORD@registry.example")

    fault = "GCE_METADATA_HOST holds text of the form NAME:PASSWORD@HOST, not a host"
    assert "PASSWORD@registry" not in left
    assert home.log.read_text().endswith(
        f"get '{HOST}': TokenError: no access token for {HOST}: store: no login is stored; env: "
        f"GOOGLE_APPLICATION_CREDENTIALS is not set, gcloud's well-known file does not exist and "
        f"the metadata server is switched off; metadata: {fault}: 1\n"
    )


@pytest.mark.parametrize(
    "member", ["Account", "Impersonate", "Delegates", "Scopes", "TokenSources", "a host"]
)
def test_z01_no_member_of_the_configuration_is_repeated(home: Home, member: str) -> None:
    own = home.folder / ".config/gcloud/docker_credential_gcr_config.json"
    for secret in SECRETS.values():
        value = secret if member in ("Account", "Impersonate") else [secret]
        settings: object = {secret: {}} if member == "a host" else {HOST: {member: value}}
        own.write_text(json.dumps({"Registries": settings}))

        calls = (ask("get", HOST), *(lambda words=words: main(list(words)) for words in COMMANDS))

        assert find_pieces(secret, home.run(*calls)) == []


@pytest.mark.parametrize("member", ["a helper", "a host", "credsStore", "auths"])
def test_z01_no_member_of_docker_s_configuration_is_repeated(home: Home, member: str) -> None:
    for secret in SECRETS.values():
        content: dict[str, object] = {
            "a helper": {"credHelpers": {HOST: secret}},
            "a host": {"credHelpers": {secret: "gcr"}},
            "credsStore": {"credsStore": secret},
            "auths": {"auths": {f"https://{HOST}/?{secret}": {"auth": "dTpw"}, secret: {"auth": "dTpw"}}},
        }[member]
        (home.folder / ".docker/config.json").write_text(json.dumps(content))

        left = home.run(*(lambda words=words: main(list(words)) for words in COMMANDS))

        assert find_pieces(secret, left) == []


def test_z01_the_table_names_every_variable_that_is_read() -> None:
    found = {name for path in ROOT.rglob("*.py") for name in find_variables(path)}

    assert found - OTHER_VARIABLES - set(paths.VARIABLES) == set()
    assert {"HOME", "PATH", protocol.LOG} <= found


def find_variables(path: Path) -> Iterator[str]:
    """Yields the variables that a module reads by their names; none for the emulator's modules."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    if parts[0] in ("emulator", "pytest_plugin"):
        return
    module = vars(importlib.import_module(".".join((docker_credential_gcr.__name__, *parts))))
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Call) and node.args:
            called, _, function = ast.unparse(node.func).rpartition(".")
            if function == "find_variable":
                yield from find_name(ast.unparse(node.args[0]), node.args[1], module)
            elif function == "get":
                yield from find_name(called, node.args[0], module)
        elif isinstance(node, ast.Subscript):
            yield from find_name(ast.unparse(node.value), node.slice, module)


def find_name(mapping: str, key: ast.expr, module: Mapping[str, object]) -> Iterator[str]:
    """Yields the names that a key has, if the mapping is an environment: a text, a constant, or two texts."""
    if mapping.rpartition(".")[2] != "environ":
        return
    if isinstance(key, ast.BinOp):
        parts = [find_text(part, module) for part in (key.left, key.right)]
        yield from ["".join(map(str, parts))] if None not in parts else []
        return
    for node in ast.walk(key):
        value = find_text(node, module)
        if isinstance(value, str) and value.isupper():
            yield value


def find_text(node: ast.AST, module: Mapping[str, object]) -> object:
    return module.get(node.id) if isinstance(node, ast.Name) else getattr(node, "value", None)
