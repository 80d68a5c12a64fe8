"""docs/identity.md tells the truth: its commands run, its tables are those of the code."""

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import requests
from support.checkout import DOCS
from support.doc_scripts import find_scripts, needs_of

from docker_credential_gcr.emulator.google.oauth2.token_endpoint import GRANTS
from docker_credential_gcr.emulator.google.sign_in.authorization_request import KNOWN
from docker_credential_gcr.emulator.identity.oauth.clients import CLIENTS

PAGE = (DOCS / "identity.md").read_text("utf-8")
# The other commands are federation's: see test_federation_docs.py.
SCRIPT, _ = find_scripts(PAGE)


def rows(heading: str) -> list[list[str]]:
    """The cells of the table whose first column has that heading."""
    table = PAGE.partition(f"\n| {heading} |")[2].partition("\n\n")[0].splitlines()[2:]
    return [[cell.strip() for cell in line.strip().strip("|").split("|")] for line in table]


@needs_of(SCRIPT)
def test_the_commands_make_a_login_that_works(gcr_emulator: Any, tmp_path: Path) -> None:
    environ = {"PATH": "/usr/bin:/bin", "GCR_EMULATOR_URL": gcr_emulator.url, "HOME": str(tmp_path)}

    command = ["sh", "-eu", "-c", SCRIPT]
    subprocess.run(command, env=environ, cwd=tmp_path, capture_output=True, timeout=60, check=True)

    file = json.loads((tmp_path / "adc.json").read_text())
    form = {**file, "grant_type": "refresh_token"}
    assert requests.post(f"{gcr_emulator.url}/token", data=form, timeout=30).status_code == 200


def test_every_grant_is_listed() -> None:
    assert [cells[0].strip("`") for cells in rows("`grant_type`")] == list(GRANTS)


def test_every_client_is_listed_with_its_page() -> None:
    listed = [tuple(cell.strip("`") for cell in cells) for cells in rows("client")]

    assert listed == [(client.client_id, client.name, ", ".join(client.pages)) for client in CLIENTS.values()]


def test_every_parameter_of_a_request_is_listed() -> None:
    listed = {name for cells in rows("parameter") for name in re.findall(r"`(\w+)`", cells[0])}

    assert listed == set(KNOWN)
