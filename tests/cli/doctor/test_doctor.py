"""The command `doctor`: broken setups get a name and the command that mends them."""

import json
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from cli.doctor.machine import EMAIL, Machine
from cli.doctor.setups import SETUPS
from support.checkout import DOCS
from support.terminals import remove_escapes, run_at_terminal

ROUNDS = 4  # a mended fault may reveal another one


@pytest.fixture
def machine(cli: Any, gcr_emulator: Any, authorization_server: Any) -> Iterator[Machine]:
    machine = Machine(cli, gcr_emulator, authorization_server)
    yield machine
    for close in machine.closing:
        close()


def parameter(name: str, needs: tuple[str, ...]) -> Any:
    return pytest.param(name, marks=[pytest.mark.needs(*needs)] if needs else [])


@pytest.mark.parametrize("name", [parameter(name, setup.needs) for name, setup in SETUPS.items()])
def test_a_broken_set_up_is_named_with_the_command_that_mends_it(machine: Machine, name: str) -> None:
    setup = SETUPS[name]

    def fill(text: str, quote: Callable[[str], str] = str) -> str:
        places = {
            "REGISTRY": machine.registry,
            "BIN": str(Path(sys.executable).parent),
            "HOME": str(machine.cli.home),
            "OWN": str(machine.own),
            "DIR": str(machine.directory),
            "PORT": machine.registry.rpartition(":")[2],
        }
        return re.sub(rf"\b({'|'.join(places)})\b", lambda match: quote(places[match[0]]), text)

    machine.forget_tokens()
    setup.break_it(machine)
    target = fill(setup.target)

    findings = machine.doctor(target)

    named = [finding for finding in findings if finding["check"] == setup.check]
    command = setup.command and fill(setup.command)
    assert [(f["state"], f["command"]) for f in named] == [(setup.state, command)], findings
    assert fill(setup.text) in named[0]["text"]
    found = [finding for finding in findings if finding["state"] != "ok"]
    if command is None:
        assert [finding["command"] for finding in found] == [None] * len(found)
        return
    left = mend(machine, target, found, rounds=ROUNDS if setup.is_mended else 1)
    assert [finding["check"] for finding in left if finding["check"] == setup.check] == []
    if setup.is_mended:
        assert left == []


# Values for the placeholders in commands that only a user can know.
PLACES = {"PROJECT": "my-project", "ACCOUNT": "ci"}


def mend(machine: Machine, target: str, found: list[dict[str, Any]], rounds: int) -> list[dict[str, Any]]:
    """Runs the printed commands until there is no fault; returns the faults that are left."""
    for _ in range(rounds):
        for command in dict.fromkeys(finding["command"] for finding in found if finding["command"]):
            machine.run(re.sub(r"\b(PROJECT|ACCOUNT)\b", lambda match: PLACES[match[0]], command))
        machine.forget_tokens()
        found = [finding for finding in machine.doctor(target) if finding["state"] != "ok"]
        if not found:
            break
    return found


def test_a_machine_on_which_all_is_right(machine: Machine) -> None:
    findings = machine.doctor(machine.image)

    texts = [(finding["check"], finding["state"], finding["command"]) for finding in findings]
    checks = ("program", "docker configuration", "helper", "connection", "challenge", "pull", "push")
    assert texts == [(check, "ok", None) for check in checks]
    assert findings[2]["text"] == f"gives a credential of {EMAIL}"


def test_without_a_name_all_configured_registries_are_examined(machine: Machine) -> None:
    machine.edit(machine.own, lambda own: {"Registries": own["Registries"] | {"localhost:1": {}}})

    findings = machine.doctor()

    assert {finding["registry"] for finding in findings} == {None, machine.registry, "localhost:1"}
    assert [f["check"] for f in findings if f["registry"] == "localhost:1" and f["state"] == "fault"] == [
        "not configured",
        "no credential",
        "refused",
    ]


def test_what_names_no_registry_is_a_usage_error(cli: Any) -> None:
    outcome = cli("doctor", "*.gcr.io")

    assert (outcome.status, outcome.stdout) == (2, "")
    assert outcome.stderr.startswith("docker-credential-gcr: '*.gcr.io' is not a registry: ")


def test_no_secret_is_shown(machine: Machine) -> None:
    texts = json.dumps(machine.doctor(machine.image)) + json.dumps(machine.doctor(machine.registry))

    assert re.findall(r"ya29\.|PRIVATE KEY|eyJ", texts) == []


@pytest.mark.parametrize("columns", [80, 120])
def test_d10_at_a_terminal_a_finding_is_wrapped_behind_its_state_and_a_command_is_whole(
    machine: Machine, columns: int
) -> None:
    machine.cli.environ = machine.environ
    command = ("doctor", f"{machine.registry}/other-project/team/app:v1")
    plain = machine.cli(*command).stdout.splitlines()

    program = (sys.executable, "-m", "docker_credential_gcr")
    status, written = run_at_terminal((*program, *command), columns, machine.environ)

    lines = remove_escapes(written).splitlines()
    indent = " " * 9
    commands = [line for line in plain if line.startswith(indent)]
    assert (status, len(commands), [line for line in commands if line not in lines]) == (1, 1, [])
    # A path is one word, and is not wrapped.
    wide = [line for line in lines if len(line) > columns and len(line.split()) > 1]
    assert [line for line in wide if line not in commands] == []
    assert [line for line in lines if not line.startswith((*("ok ", "warning ", "fault "), indent))] == []
    assert "\n".join(lines).split() == "\n".join(plain).split()


PAGE = (DOCS / "helper.md").read_text("utf-8")
MASKS = (
    (r"'/\S*/docker-credential-gcr'", "'PROGRAM'"),
    (r"'/\S*/config\.json'", "'CONFIG'"),
    (r"localhost:\d+", "REGISTRY"),
)


def test_d10_the_findings_are_those_that_the_page_shows(machine: Machine) -> None:
    ((command, shown),) = re.findall(r"^```\n\$ docker-credential-gcr (doctor .*)\n([^`]*)```$", PAGE, re.M)
    machine.cli.environ = machine.environ

    printed = machine.cli(*command.replace("localhost:5000", machine.registry).split()).stdout

    texts = [" ".join(text.split()) for text in (printed, shown)]
    for pattern, word in MASKS:
        texts = [re.sub(pattern, word, text) for text in texts]
    assert texts[0] == texts[1]
    assert [line for line in shown.splitlines()[:-1] if len(line) > 80] == []
