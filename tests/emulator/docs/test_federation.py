"""docs/identity.md tells the truth about federation: its commands run, its tables are those of the code."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from support.checkout import DOCS
from support.pages import find_blocks, read_table

from docker_credential_gcr.emulator.google.oauth2.sts import SUBJECT_TOKEN_TYPES
from docker_credential_gcr.emulator.identity.cel.environment import Kind
from docker_credential_gcr.emulator.identity.cel.expressions import ENVIRONMENT
from docker_credential_gcr.emulator.identity.federation.principals import MEMBER
from docker_credential_gcr.emulator.identity.roles import ROLES

PAGE = (DOCS / "identity.md").read_text("utf-8")
SECTION = PAGE.partition("\n## Federation\n")[2].partition("\n## ")[0]
(SCRIPT,) = find_blocks(SECTION, "sh")
# The permission that each column of the table of roles promises.
COLUMNS = ["getAccessToken", "getOpenIdToken", "signBlob", "implicitDelegation"]


@pytest.mark.needs("curl")
def test_the_commands_lead_to_an_access_token(gcr_emulator: Any, tmp_path: Path) -> None:
    environ = {
        "PATH": f"{Path(sys.executable).parent}:{os.defpath}",
        "GCR_EMULATOR_URL": gcr_emulator.url,
        "HOME": str(tmp_path),
    }

    done = subprocess.run(
        ["sh", "-eu"], input=SCRIPT, env=environ, capture_output=True, text=True, timeout=120, check=False
    )

    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout[done.stdout.rindex('{"access_token"') :])
    assert 3500 < answer["expires_in"] < 3600


def test_every_role_that_lets_act_as_an_account_is_listed() -> None:
    listed = {role: [cell == "yes" for cell in cells] for role, *cells in read_table(PAGE, "role")}

    permissions = [f"iam.serviceAccounts.{verb}" for verb in COLUMNS]
    given = {role: [each in ROLES[role] for each in permissions] for role in ROLES}
    assert listed == {role: columns for role, columns in given.items() if any(columns)}


def test_every_subject_token_type_is_listed() -> None:
    listed = {name: kind for name, kind, _ in read_table(PAGE, "`subject_token_type`")}

    assert listed == {name: kind for name, (kind, _) in SUBJECT_TOKEN_TYPES.items()}


def test_every_word_of_expressions_is_listed() -> None:
    listed = {
        kind: set(re.findall(r"`([^`]+)`", words)) for kind, words in read_table(PAGE, "in expressions")
    }

    assert listed == {
        "relations": ENVIRONMENT.relations,
        "functions": ENVIRONMENT.functions,
        "methods": set(ENVIRONMENT.members[Kind.ANY]),
        "of lists": ENVIRONMENT.macros,
    }


def test_every_form_of_a_member_is_one() -> None:
    pool = "projects/1/locations/global/workloadIdentityPools/github"
    members = [row[0].replace("POOL", pool).replace("NAME", "name") for row in read_table(PAGE, "member")]

    assert len(members) == 4
    assert all(MEMBER.fullmatch(member) for member in members)
