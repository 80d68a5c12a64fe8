"""An operator token that the user presets, and the environment that held it."""

import os
import stat
from collections.abc import Callable
from pathlib import Path

import pytest
import requests

from docker_credential_gcr.emulator.operator_token import InvalidOperatorToken, take_operator_token
from docker_credential_gcr.emulator.server.in_thread import InThread
from docker_credential_gcr.emulator.settings import Settings

NAME, FILE_NAME = "GCR_EMULATOR_OPERATOR_TOKEN", "GCR_EMULATOR_OPERATOR_TOKEN_FILE"
TOKEN = "my-own.token_1~+/=="
FORM = "does not hold an operator token, which is letters, digits and -._~+/: correct it"
Run = Callable[..., tuple[int, str, str]]


@pytest.mark.parametrize("content", [TOKEN, f"{TOKEN}\n", f" {TOKEN}\r\n"])
@pytest.mark.parametrize("in_file", [False, True], ids=["variable", "file"])
def test_token_is_taken_out_of_the_environment(tmp_path: Path, in_file: bool, content: str) -> None:
    (tmp_path / "token").write_text(content)
    (tmp_path / "token").chmod(0o444)  # a container engine's secret is readable by all users
    environ = {FILE_NAME: str(tmp_path / "token")} if in_file else {NAME: content}
    environ["PATH"] = "/bin"
    assert take_operator_token(environ) == TOKEN
    assert environ == {"PATH": "/bin"}


@pytest.mark.parametrize(
    "environ", [{}, {NAME: ""}, {FILE_NAME: "", NAME: ""}], ids=["unset", "empty", "both"]
)
def test_empty_variable_is_none(environ: dict[str, str]) -> None:
    assert take_operator_token(environ) is None


MALFORMED = ["two words", "first\nsecond", "gem\u00e4\u00df", "\udcff", '{"token": "x"}', "=", "  "]


@pytest.mark.parametrize("content", MALFORMED)
def test_malformed_token_is_refused_and_not_repeated(tmp_path: Path, content: str) -> None:
    path = tmp_path / "token"
    path.write_bytes(content.encode("utf-8", "surrogateescape"))
    for environ, place in (({NAME: content}, NAME), ({FILE_NAME: str(path)}, str(path))):
        with pytest.raises(InvalidOperatorToken) as raised:
            take_operator_token(environ)
        assert str(raised.value) == f"{place} {FORM}"
        assert environ == {}


def test_both_variables_are_refused_together() -> None:
    with pytest.raises(InvalidOperatorToken) as raised:
        take_operator_token({NAME: TOKEN, FILE_NAME: "/token"})
    assert str(raised.value) == f"{NAME} and {FILE_NAME} exclude each other: set one of them"


def test_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    path = tmp_path / "none"
    with pytest.raises(InvalidOperatorToken) as raised:
        take_operator_token({FILE_NAME: str(path)})
    assert str(raised.value) == f"{FILE_NAME}: {path}: No such file or directory"


def test_secret_in_the_place_of_the_file_is_not_repeated() -> None:
    with pytest.raises(InvalidOperatorToken) as raised:
        take_operator_token({FILE_NAME: '{"private_key": "hunter2"}'})
    assert str(raised.value) == f"{FILE_NAME} holds JSON, not a path: correct or unset it"


@pytest.mark.parametrize("command", [("serve", "--port", "0"), ("run", "true")], ids=lambda words: words[0])
def test_malformed_token_is_a_usage_error(
    monkeypatch: pytest.MonkeyPatch, run: Run, command: tuple[str, ...]
) -> None:
    monkeypatch.setenv(NAME, "two words")
    code, out, err = run(*command)
    assert (code, out, err.splitlines()[-1]) == (2, "", f"Error: {NAME} {FORM}")
    assert NAME not in os.environ


def ask(url: str, token: str) -> int:
    headers = {"Authorization": f"Bearer {token}"}
    return requests.get(f"{url}/v1/projects", headers=headers, timeout=30).status_code


def test_preset_token_administers_and_its_file_holds_it(tmp_path: Path) -> None:
    data = tmp_path / "data"
    with InThread(Settings(port=0, data=data, strict_admin=True)) as ready:
        first = Path(ready.operator_token_file).read_text()
        assert (ask(ready.url, first), ask(ready.url, TOKEN)) == (200, 401)

    with InThread(Settings(port=0, data=data, strict_admin=True, operator_token=TOKEN)) as ready:
        assert (ask(ready.url, first), ask(ready.url, TOKEN)) == (401, 200)
        path = Path(ready.operator_token_file)
        assert path == data / "keys" / "operator-token"
        assert (path.read_text(), stat.S_IMODE(path.stat().st_mode)) == (TOKEN, 0o600)

    with InThread(Settings(port=0, data=data, strict_admin=True)) as ready:
        assert ask(ready.url, TOKEN) == 200


def test_settings_do_not_show_the_token() -> None:
    assert TOKEN not in repr(Settings(operator_token=TOKEN))
