"""docs/identity.md tells the truth: its commands run, its tables are those of the code."""

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import requests
from support.checkout import DOCS
from support.pages import find_blocks, read_table

from docker_credential_gcr.emulator.google.oauth2.token_endpoint import GRANTS
from docker_credential_gcr.emulator.google.sign_in.authorization_request import KNOWN
from docker_credential_gcr.emulator.identity.oauth.clients import CLIENTS

PAGE = (DOCS / "identity.md").read_text("utf-8")
# The other block is run by test_federation.py.
SCRIPT, _ = find_blocks(PAGE, "sh")


@pytest.mark.needs("curl")
def test_the_commands_make_a_login_that_works(gcr_emulator: Any, tmp_path: Path) -> None:
    environ = {"PATH": "/usr/bin:/bin", "GCR_EMULATOR_URL": gcr_emulator.url, "HOME": str(tmp_path)}

    command = ["sh", "-eu", "-c", SCRIPT]
    subprocess.run(command, env=environ, cwd=tmp_path, capture_output=True, timeout=60, check=True)

    file = json.loads((tmp_path / "adc.json").read_text())
    form = {**file, "grant_type": "refresh_token"}
    assert requests.post(f"{gcr_emulator.url}/token", data=form, timeout=30).status_code == 200


def test_every_grant_is_listed() -> None:
    assert [row[0] for row in read_table(PAGE, "`grant_type`")] == list(GRANTS)


def test_every_client_is_listed_with_its_page() -> None:
    listed = [tuple(row) for row in read_table(PAGE, "client")]

    assert listed == [(client.client_id, client.name, ", ".join(client.pages)) for client in CLIENTS.values()]


def test_every_parameter_of_a_request_is_listed() -> None:
    listed = {name for row in read_table(PAGE, "parameter") for name in re.findall(r"\w+", row[0])}

    assert listed == set(KNOWN)
