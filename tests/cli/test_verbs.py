"""Docker's verbs, typed by a user (D21): stdout and the exit status stay as docker expects them."""

from collections.abc import Callable
from typing import Any

import pytest

USAGE = "Usage: docker-credential-gcr <store|get|erase|list|version>\n"
NOT_FOUND = "credentials not found in native keychain\n"
VERBS = ("get", "store", "erase", "list", "version")
EXTRA = {
    ("get", "gcr.io"): ": it reads the registry from stdin: echo 'gcr.io' | docker-credential-gcr get",
    ("erase", "gcr.io"): ": it reads the registry from stdin: echo 'gcr.io' | docker-credential-gcr erase",
    ("get", "\x1b[2J"): ": it reads the registry from stdin: echo HOST | docker-credential-gcr get",
    ("store", "x"): "",
    ("list", "x", "y"): "",
    ("--version", "x"): "",
}


@pytest.mark.parametrize("arguments", EXTRA, ids=lambda words: f"d21-{' '.join(words)!r}")
def test_a_verb_with_an_argument_says_on_stderr_how_to_call_it(cli: Any, arguments: tuple[str, ...]) -> None:
    outcome = cli.run_program(*arguments)

    told = f"docker-credential-gcr: {arguments[0]} takes no argument{EXTRA[arguments]}\n"
    assert (outcome.status, outcome.stdout, outcome.stderr) == (1, USAGE, told)


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize("form", ["{} --help", "{} -h", "help {}"], ids=lambda form: f"d21-{form}")
def test_a_verb_has_a_help(cli: Any, verb: str, form: str) -> None:
    outcome = cli(*form.format(verb).split())

    assert (outcome.status, outcome.stderr) == (0, "")
    assert outcome.stdout.startswith(f"Usage: docker-credential-gcr {verb} ")
    assert f"docker-credential-gcr {verb}\n" in outcome.stdout


@pytest.mark.parametrize("verb", VERBS)
def test_d21_a_verb_has_a_manual_page(cli: Any, verb: str) -> None:
    outcome = cli("man", verb)

    assert (outcome.status, outcome.stderr) == (0, "")
    assert outcome.stdout.startswith(rf'.TH "DOCKER\-CREDENTIAL\-GCR\-{verb.upper()}" 1')


def test_d21_completion_knows_the_verbs(cli: Any) -> None:
    asked = {"_DOCKER_CREDENTIAL_GCR_COMPLETE": "bash_complete", "COMP_CWORD": "1"}

    suggested = [cli(COMP_WORDS=f"docker-credential-gcr {verb[:-1]}", **asked).stdout for verb in VERBS]

    known = [verb for verb, lines in zip(VERBS, suggested, strict=True) if f"plain,{verb}\n" in lines]
    assert known == list(VERBS)


@pytest.mark.parametrize(
    ("arguments", "guess"),
    [
        (("gett",), "get"),
        (("man", "gett"), "get"),
        (("confg",), "config"),
        (("staus",), "status"),
        (("unconf",), "unconfigure-docker"),
    ],
    ids=lambda value: f"d21-{value}",
)
def test_a_command_that_does_not_exist_gets_a_guess(cli: Any, arguments: tuple[str, ...], guess: str) -> None:
    outcome = cli(*arguments)

    told = f"Error: No such command {arguments[-1]!r}. Did you mean {guess!r}?"
    assert (outcome.status, outcome.stdout) == (2, "")
    assert outcome.stderr.splitlines()[-1] == told


def test_d21_what_is_like_no_command_gets_no_guess(cli: Any) -> None:
    assert cli("xyzzy").stderr.splitlines()[-1] == "Error: No such command 'xyzzy'."


@pytest.mark.parametrize("verb", ["get", "erase"])
def test_d21_at_a_terminal_a_verb_says_what_it_waits_for(on_terminal: Callable[..., str], verb: str) -> None:
    screen = on_terminal(verb, answer="r.example\n\x04")

    shown = screen.replace("r.example\n", "", 1)
    assert shown == (
        "docker-credential-gcr: type a registry, such as gcr.io, then Enter and Ctrl-D\n"
        + (NOT_FOUND if verb == "get" else "")
    )


def test_d21_for_docker_nothing_is_said(cli: Any) -> None:
    outcome = cli.run_program("get")

    assert (outcome.status, outcome.stdout, outcome.stderr) == (1, "no credentials server URL\n", "")


def test_d21_the_version_option_is_in_the_help(cli: Any) -> None:
    assert "  -v, --version  Print the version.\n" in cli("--help").stdout
    assert cli("--version").stdout == cli("version").stdout
