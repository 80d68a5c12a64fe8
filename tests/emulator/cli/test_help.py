"""Every command of gcr-emulator: help, --json for lists, suggestions, and the source of a bad value (D13)."""

import re
from collections.abc import Callable, Iterator

import click
import pytest

from docker_credential_gcr.emulator.cli.main import cli

Run = Callable[..., tuple[int, str, str]]


def walk(group: click.Group, *path: str) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    """Yields every command below the group, with its words."""
    for name, command in group.commands.items():
        yield (*path, name), command
        if isinstance(command, click.Group):
            yield from walk(command, *path, name)


COMMANDS = dict(walk(cli))
GROUPS = {path: command for path, command in COMMANDS.items() if isinstance(command, click.Group)} | {(): cli}
BAD = "!bad"


def name_path(path: tuple[str, ...]) -> str:
    return " ".join(path) or "gcr-emulator"


@pytest.mark.parametrize("columns", [80, 120])
@pytest.mark.parametrize("path", GROUPS, ids=name_path)
def test_d13_help_shows_whole_summaries(
    run: Run, monkeypatch: pytest.MonkeyPatch, path: tuple[str, ...], columns: int
) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))

    code, out, err = run(*path, "--help")

    shown = " ".join(out.split())
    first = {name: (command.help or "").split("\n\n")[0] for name, command in GROUPS[path].commands.items()}
    assert (code, err) == (0, "")
    assert [name for name, text in first.items() if f"{name} {' '.join(text.split())}" not in shown] == []
    assert "..." not in shown.partition("Commands:")[2]


@pytest.mark.parametrize("columns", [80, 120])
@pytest.mark.parametrize("path", [(), *sorted(COMMANDS)], ids=name_path)
def test_d13_help_fits_the_terminal(
    run: Run, monkeypatch: pytest.MonkeyPatch, path: tuple[str, ...], columns: int
) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))

    lines = run(*path, "--help")[1].splitlines()

    assert [line for line in lines if len(line) > columns] == []


def test_d13_each_command_that_lists_has_json() -> None:
    listing = {path: command for path, command in COMMANDS.items() if path[-1] in ("list", "describe")}

    assert {path[0] for path in listing} >= {"project", "repository", "account", "key", "iam"}
    without = [
        path
        for path, command in listing.items()
        if "--json" not in {name for option in command.params for name in option.opts}
    ]
    assert without == []


@pytest.mark.parametrize("path", COMMANDS, ids=name_path)
def test_d13_mistyped_command_brings_the_nearest(run: Run, path: tuple[str, ...]) -> None:
    *before, name = path

    code, out, err = run(*before, name[:-1] + "~" if len(name) > 3 else f"{name}x")

    assert (code, out) == (2, "")
    assert re.search(rf"Did you mean .*{re.escape(repr(name))}", err)


@pytest.mark.parametrize(("name", "guess"), [("repo", "repository"), ("cred", "credentials")])
def test_d13_beginning_of_one_command_brings_that_command(run: Run, name: str, guess: str) -> None:
    assert run(name)[2].endswith(f"Error: No such command {name!r}. Did you mean {guess!r}?\n")


def find_choosy() -> Iterator[tuple[tuple[str, ...], click.Option]]:
    """Yields options with a variable that refuse the bad value, of commands without required options."""
    for path, command in COMMANDS.items():
        options = [option for option in command.params if isinstance(option, click.Option) and option.envvar]
        options = [option for option in options if not option.is_flag]
        for option in options if not any(parameter.required for parameter in command.params) else ():
            try:
                option.process_value(click.Context(command), [BAD] if option.multiple else BAD)
            except click.BadParameter:
                yield path, option


CHOOSY = list(find_choosy())


@pytest.mark.parametrize(
    ("path", "option"), CHOOSY, ids=[f"{name_path(path)} {option.opts[0]}" for path, option in CHOOSY]
)
def test_d13_value_is_blamed_on_its_variable_only_where_it_is_from_there(
    run: Run, monkeypatch: pytest.MonkeyPatch, path: tuple[str, ...], option: click.Option
) -> None:
    written = run(*path, option.opts[0], BAD)
    monkeypatch.setenv(str(option.envvar), BAD)
    inherited = run(*path)

    hint = f"Error: Invalid value for '{option.opts[0]}'"
    assert (written[:2], inherited[:2]) == ((2, ""), (2, ""))
    assert f"{hint}: " in written[2]
    assert f"{hint} (env var: '{option.envvar}'): " in inherited[2]
