"""The command line of the program: help, usage errors and exit statuses."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import click
import pytest

from docker_credential_gcr.cli import main, verbs
from docker_credential_gcr.helper.registries import DEFAULT_HOSTS


@pytest.mark.parametrize("arguments", [(), ("--help",), ("-h",)])
def test_help_names_the_commands_and_dockers_verbs(cli: Any, arguments: tuple[str, ...]) -> None:
    outcome = cli(*arguments)

    lines = outcome.stdout.splitlines()
    assert (outcome.status, outcome.stderr) == (0, "")
    assert lines[0] == "Usage: docker-credential-gcr [OPTIONS] [COMMAND] [ARGS]..."
    named = {line.split()[0] for line in lines if line.startswith(("  ", "    ")) and line.strip()}
    assert {"configure-docker", "get", "store", "erase", "list", "version"} <= named


def test_the_help_of_a_command_shows_examples(cli: Any) -> None:
    outcome = cli("configure-docker", "--help")

    assert (outcome.status, outcome.stderr) == (0, "")
    assert (
        "docker-credential-gcr configure-docker \\\n      --registries europe-west1-docker.pkg.dev,gcr.io\n"
        in outcome.stdout
    )
    assert ",".join(DEFAULT_HOSTS) in "".join(outcome.stdout.split())


@pytest.mark.parametrize("columns", [80, 120])
@pytest.mark.parametrize("name", ["", *main.COMMANDS, *main.ALIASES, *verbs.VERBS])
def test_help_fits_the_terminal(cli: Any, name: str, columns: int) -> None:
    lines = cli(*name.split(), "--help", COLUMNS=str(columns)).stdout.splitlines()

    assert lines[0].startswith(f"Usage: docker-credential-gcr {name}".rstrip())
    assert [line for line in lines if len(line) > columns] == []


def test_the_table_of_commands_is_that_of_their_modules() -> None:
    folder = Path(main.__file__).parent
    modules = {path.stem: path.read_text() for path in folder.glob("*.py")}

    context = click.Context(main.cli)
    named = {name: main.cli.get_command(context, name) for name in main.COMMANDS}

    assert {name: command and command.name for name, command in named.items()} == {n: n for n in named}
    assert sorted(name.replace("-", "_") for name in named) == sorted(
        stem for stem, source in modules.items() if "\n@click.command" in source
    )


@pytest.mark.parametrize(
    ("arguments", "fault"),
    [
        (("nonsense",), "Error: No such command 'nonsense'."),
        *(
            ((f"{name}{name[-1]}",), f"Error: No such command '{name}{name[-1]}'. Did you mean '{name}'?")
            for name in (*main.COMMANDS, *main.ALIASES, *verbs.VERBS)
        ),
        (("--nonsense",), "Error: No such option: --nonsense"),
        *(
            (
                (name, "r.example"),
                "Error: Got unexpected extra argument (r.example): name registries with --registries A,B",
            )
            for name in ("configure-docker", "unconfigure-docker", "login")
        ),
        (
            ("status", "r.example"),
            "Error: Got unexpected extra argument (r.example): doctor takes the name of a registry",
        ),
        (("clear", "extra"), "Error: Got unexpected extra argument (extra)"),
    ],
)
def test_a_usage_error_ends_with_2(cli: Any, arguments: tuple[str, ...], fault: str) -> None:
    outcome = cli(*arguments)

    assert (outcome.status, outcome.stdout) == (2, "")
    assert outcome.stderr.splitlines()[-1].replace("option '--nonsense'.", "option: --nonsense") == fault


def test_a_reader_that_has_gone_is_a_failure_without_a_traceback(cli: Any) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    try:
        run = subprocess.run(
            [sys.executable, "-m", "docker_credential_gcr", "--help"],
            stdout=writer,
            stderr=subprocess.PIPE,
            env=cli.environ,
            cwd=cli.directory,
            timeout=60,
        )
    finally:
        os.close(writer)

    assert (run.returncode, run.stderr) == (1, b"")


def test_a_closed_stdout_is_no_fault_of_a_command(cli: Any) -> None:
    script = f"{sys.executable} -m docker_credential_gcr configure-docker --registries gcr.io >&-"
    run = subprocess.run(
        ["/bin/sh", "-c", script], env=cli.environ, cwd=cli.directory, stderr=subprocess.PIPE, timeout=60
    )

    assert (run.returncode, run.stderr) == (0, b"gcr.io: configured\n")
