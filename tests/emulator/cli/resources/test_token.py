"""Operator token: where commands find it, and their messages about a wrong one (D28)."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from support.backing_services import serve

from docker_credential_gcr.emulator.sandbox.run import build_environment
from docker_credential_gcr.emulator.server.ready_document import ReadyDocument
from docker_credential_gcr.emulator.settings import Settings

Run = Callable[..., tuple[int, str, str]]
HINT = "name DATA/keys/operator-token with --token-file"
EMPTY = (0, "", "there is no project: gcr-emulator project create ID\n")


@pytest.fixture(scope="module")
def strict(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """Starts a server that requires a token of local programs too."""
    folder = tmp_path_factory.mktemp("strict")
    with serve(Settings(port=0, data=folder / "data", strict_admin=True)) as ready:
        (folder / "ready.json").write_text(json.dumps({"operator_token_file": ready.operator_token_file}))
        yield ready


def name_variables(ready: ReadyDocument) -> dict[str, str]:
    """Returns each variable that leads to the token, and its value."""
    token_file = Path(ready.operator_token_file)
    return {
        "GCR_EMULATOR_TOKEN": token_file.read_text(),
        "GCR_EMULATOR_TOKEN_FILE": str(token_file),
        "GCR_EMULATOR_DATA": str(ready.data),
        "GCR_EMULATOR_READY_FILE": str(Path(ready.data).parent / "ready.json"),
    }


VARIABLES = ["GCR_EMULATOR_TOKEN", "GCR_EMULATOR_TOKEN_FILE", "GCR_EMULATOR_DATA", "GCR_EMULATOR_READY_FILE"]


@pytest.mark.parametrize("variable", VARIABLES)
def test_d28_each_variable_leads_to_the_token(
    strict: Any, run: Run, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    list_projects = ("project", "list", "--server", strict.url)

    assert run(*list_projects) == (1, "", f"gcr-emulator: the emulator requires a token: {HINT}\n")
    monkeypatch.setenv(variable, name_variables(strict)[variable])
    assert run(*list_projects) == EMPTY


def test_a_z19_empty_token_file_is_refused_before_the_server_is_asked(run: Run, tmp_path: Path) -> None:
    (tmp_path / "token").write_text("\n")
    assert run("project", "list", "--token-file", tmp_path / "token") == (
        1,
        "",
        f"gcr-emulator: {tmp_path / 'token'} is empty: name the file of an operator token\n",
    )


@pytest.mark.parametrize("variable", VARIABLES)
def test_d28_wrong_token_is_refused_with_where_it_is_from(
    gcr_emulator: Any,
    run: Run,
    monkeypatch: pytest.MonkeyPatch,
    strict: Any,
    variable: str,
) -> None:
    # The token of one server is a wrong one at another.
    value = name_variables(strict)[variable]
    monkeypatch.setenv(variable, value)
    source = variable if variable == "GCR_EMULATOR_TOKEN" else strict.operator_token_file

    assert run("project", "list", "--server", gcr_emulator.url) == (
        1,
        "",
        f"gcr-emulator: the emulator refuses this token ({source}): {HINT}\n",
    )


def test_d28_option_wins_over_the_variables(
    strict: Any, run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for variable in VARIABLES:
        monkeypatch.setenv(variable, str(tmp_path / "absent"))

    listed = run("project", "list", "--server", strict.url, "--token-file", strict.operator_token_file)

    assert listed == EMPTY


def test_d28_data_directory_without_a_token_leads_to_none(
    gcr_emulator: Any, run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("GCR_EMULATOR_DATA", str(tmp_path))

    assert run("project", "list", "--server", gcr_emulator.url) == EMPTY


@pytest.mark.parametrize("variable", VARIABLES)
def test_d28_token_of_another_server_does_not_reach_the_command_of_run(variable: str) -> None:
    environment = build_environment({variable: "another server's", "HOME": "/home/me"}, "/ca.pem")

    assert variable not in environment
    assert environment["HOME"] == "/home/me"


CLOUD_PLATFORM = "https://www.googleapis.com/auth/cloud-platform"
EMAIL_SCOPE = "https://www.googleapis.com/auth/userinfo.email"
KINDS = ["service_account", "authorized_user", "external_account", "impersonated_service_account"]


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: f"F-Z34-Z35-{kind}")
def test_a_strict_server_makes_each_credential_for_the_operator(
    strict: Any, run: Run, tmp_path: Path, kind: str
) -> None:
    token = ("--server", strict.url, "--token-file", strict.operator_token_file)
    run("project", "create", "my-project", *token)
    path = tmp_path / "credential.json"

    status, out, err = run(
        *("credentials", "create", "--project", "my-project", "--type", kind, "--output", path), *token
    )

    assert (status, out) == (0, ""), err
    document = json.loads(path.read_text())
    assert document["type"] == kind
    login = document.get("source_credentials", document)
    if login["type"] == "authorized_user":
        form = {name: login[name] for name in ("client_id", "client_secret", "refresh_token")}
        form["grant_type"] = "refresh_token"
        answer = requests.post(f"{strict.url}/token", data=form, timeout=30).json()
        assert answer["scope"].split() == [CLOUD_PLATFORM, EMAIL_SCOPE, "openid"]
        assert answer["id_token"].count(".") == 2
