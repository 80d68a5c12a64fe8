"""The command `completion`: the scripts, and the completions that a shell gets."""

import subprocess
from typing import Any

import pytest

SHELLS = ["bash", "zsh", "fish", "powershell"]
# The variables that each shell's script sets, and the lines that it reads.
QUESTIONS = {
    "bash": ("config", {"COMP_WORDS": "docker-credential-gcr config", "COMP_CWORD": "1"}),
    "zsh": ("config", {"COMP_WORDS": "docker-credential-gcr config", "COMP_CWORD": "1"}),
    "fish": ("config", {"COMP_WORDS": "docker-credential-gcr config", "COMP_CWORD": "config"}),
    "powershell": ("config", {"COMP_WORDS": "docker-credential-gcr", "COMP_LAST": "config"}),
}


@pytest.mark.parametrize("shell", SHELLS)
def test_a_script_for_each_shell(cli: Any, shell: str) -> None:
    outcome = cli("completion", shell)

    assert (outcome.status, outcome.stderr) == (0, "")
    assert "_DOCKER_CREDENTIAL_GCR_COMPLETE" in outcome.stdout
    assert f"{shell}_complete" in outcome.stdout
    assert "%(" not in outcome.stdout


@pytest.mark.parametrize("shell", SHELLS)
def test_commands_are_completed_in_each_shell(cli: Any, shell: str) -> None:
    begun, question = QUESTIONS[shell]

    outcome = cli(**question, _DOCKER_CREDENTIAL_GCR_COMPLETE=f"{shell}_complete")

    assert (outcome.status, outcome.stderr) == (0, "")
    words = outcome.stdout.replace("plain", "").replace(",", " ").replace("\t", " ").split()
    assert {word for word in words if word.startswith(begun)} >= {"config", "configure-docker"}
    assert not {"gcr-login", "unconfigure-docker"} & set(words)


def test_registries_are_completed_within_their_list(cli: Any) -> None:
    question = {
        "COMP_WORDS": "docker-credential-gcr configure-docker --registries gcr.io,us.g",
        "COMP_CWORD": "3",
    }

    outcome = cli(**question, _DOCKER_CREDENTIAL_GCR_COMPLETE="bash_complete")

    assert outcome.stdout == "plain,gcr.io,us.gcr.io\n"


@pytest.mark.needs("bash")
def test_bash_takes_the_script(cli: Any) -> None:
    script = cli("completion", "bash").stdout

    done = subprocess.run(
        ["bash", "-c", script + "\ncomplete -p docker-credential-gcr"],
        capture_output=True,
        text=True,
        timeout=60,
    )

    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.endswith("_docker_credential_gcr_completion docker-credential-gcr\n")
