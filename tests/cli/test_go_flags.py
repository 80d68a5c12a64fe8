"""Go's command-line flags: command lines for Google's helper work with this program."""

from typing import Any

import pytest

from docker_credential_gcr.cli import go_flags

LINES = {
    "configure-docker -registries=gcr.io": "configure-docker --registries=gcr.io",
    "configure-docker -registries gcr.io": "configure-docker --registries gcr.io",
    "configure-docker --overwrite=true -include-artifact-registry": (
        "configure-docker --overwrite --include-artifact-registry"
    ),
    "configure-docker --include-artifact-registry=false": "configure-docker",
    "config -token-source=store,env": "config --token-source=store,env",
    "config --unset-all=1": "config --unset-all",
    "gcr-login": "gcr-login",
    "help": "--help",
    "help config": "config --help",
    "config -h": "config -h",
    "status -x": "status -x",
    "doctor -json=true": "doctor -json=true",
    "": "",
}


@pytest.mark.parametrize("line", LINES)
def test_gos_way_to_write_options(line: str) -> None:
    assert " ".join(go_flags.translate(line.split())) == LINES[line]


def test_the_program_takes_them(cli: Any) -> None:
    outcome = cli("configure-docker", "-registries=us.gcr.io", "--overwrite=true")

    assert (outcome.status, outcome.stdout, outcome.stderr) == (0, "", "us.gcr.io: configured\n")
