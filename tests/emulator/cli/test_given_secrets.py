"""Secrets in the place of a path, a host, a name or a URL: no command of gcr-emulator repeats one.

The test walks over all parameters that click lists: a new option or variable is tested, too.
"""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import click
import pytest
from support.secret_values import SECRETS, find_pieces, list_names

from docker_credential_gcr.commands.argument_checks import TEXT
from docker_credential_gcr.emulator.cli.main import cli
from docker_credential_gcr.emulator.sandbox.processes import CannotRun, start

Run = Callable[..., tuple[int, str, str]]
Words = tuple[str, ...]
NOT_SHOWN = "not shown, because it may be a secret"
NOWHERE = "https://localhost:1"


def list_parameters(group: click.Group, words: Words = ()) -> Iterator[tuple[Words, click.Parameter]]:
    """Yields each command, by its words, with each of its parameters."""
    for name, command in group.commands.items():
        if isinstance(command, click.Group):
            yield from list_parameters(command, (*words, name))
        else:
            yield from (((*words, name), parameter) for parameter in command.params)


FOUND = list(list_parameters(cli))
PARAMETERS = {
    f"{' '.join(words)} {parameter.opts[0]}": (words, parameter)
    for words, parameter in FOUND
    if not getattr(parameter, "is_flag", False) and parameter.type not in (TEXT, click.UNPROCESSED)
}
TEXTS = {
    "project create": ("b-project", "--name"),
    "account create": ("ci", "--project", "my-project", "--display-name"),
    "repository create": ("images", "--project", "my-project", "--description"),
}
VARIABLES = {
    f"{' '.join(words)} {parameter.envvar}": (words, str(parameter.envvar))
    for words, parameter in FOUND
    if parameter.envvar
}
# The commands for a running server read these in addition to their own options.
SERVERS_FILES = ("GCR_EMULATOR_DATA", "GCR_EMULATOR_READY_FILE")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("name", PARAMETERS, ids=lambda name: f"A-Z01-{name}")
def test_z01_no_option_and_no_argument_is_repeated(run: Run, folder: Path, name: str) -> None:
    words, parameter = PARAMETERS[name]
    option = [] if isinstance(parameter, click.Argument) else [parameter.opts[0]]

    for secret in SECRETS.values():
        code, out, err = run(*words, *option, secret)

        assert (code, out, NOT_SHOWN in err) == (2, "", True)
        assert find_pieces(secret, err + list_names(folder)) == []


def test_z01_each_option_that_takes_any_text_is_tried() -> None:
    found = {" ".join(words): parameter.opts[0] for words, parameter in FOUND if parameter.type is TEXT}

    assert found == {name: words[-1] for name, words in TEXTS.items()}


@pytest.mark.parametrize("name", TEXTS, ids=lambda name: f"A-Z01-{name}")
def test_z01_an_option_that_takes_any_text_is_not_repeated(gcr_emulator: Any, run: Run, name: str) -> None:
    gcr_emulator.project("my-project")

    for secret in SECRETS.values():
        _, out, err = run(*name.split(), *TEXTS[name], secret, "--server", gcr_emulator.url)

        assert find_pieces(secret, out + err) == []


@pytest.mark.parametrize("name", VARIABLES, ids=lambda name: f"A-Z01-{name}")
def test_z01_no_variable_of_an_option_is_repeated(
    run: Run, folder: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    words, variable = VARIABLES[name]

    for secret in SECRETS.values():
        monkeypatch.setenv(variable, secret)
        code, out, err = run(*words)

        assert (code, out, f"(env var: '{variable}'): it is " in err) == (2, "", True)
        assert find_pieces(secret, err + list_names(folder)) == []


@pytest.mark.parametrize("variable", [*SERVERS_FILES, "GCR_EMULATOR_TOKEN"], ids=lambda name: f"A-Z01-{name}")
def test_z01_no_variable_that_leads_to_a_server_is_repeated(
    run: Run, folder: Path, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    for secret in SECRETS.values():
        monkeypatch.setenv(variable, secret)
        code, out, err = run("project", "list", "--server", NOWHERE)

        assert (code, out, err.count("\n")) == (1, "", 1)
        assert find_pieces(secret, err + list_names(folder)) == []


@pytest.mark.parametrize(
    "words",
    [
        ("SECRET",),
        ("--SECRET",),
        ("key", "SECRET"),
        ("env", "--SECRET"),
        ("env", "SECRET"),
        ("env", "--x=SECRET"),
    ],
    ids=lambda words: f"A-Z01-{' '.join(words)}",
)
def test_z01_no_word_that_is_neither_is_repeated(run: Run, words: Words) -> None:
    for secret in SECRETS.values():
        code, out, err = run(*(word.replace("SECRET", secret) for word in words))

        assert (code, out, find_pieces(secret, err)) == (2, "", [])


def test_z01_a_member_with_its_kind_is_no_name_with_a_password(run: Run) -> None:
    code, out, err = run(
        *(
            "iam",
            "grant",
            "--project",
            "my-project",
            "--role",
            "roles/viewer",
            "--server",
            "http://localhost:1",
        ),
        *("--member", "user:me@example.com"),
    )

    assert (code, out, err.startswith("gcr-emulator: no emulator answers at ")) == (1, "", True)


def test_z01_a_command_that_is_not_there_is_described() -> None:
    for secret in SECRETS.values():
        with pytest.raises(CannotRun) as caught:
            start([secret], {}, lambda: None)

        assert find_pieces(secret, str(caught.value)) == []
        assert str(caught.value).endswith((": no such command", ": File name too long"))
