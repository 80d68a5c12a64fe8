"""docs/identity.md tells the truth about federation: its commands run, its tables are those of the code."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

from support.checkout import DOCS
from support.doc_scripts import find_scripts, needs_of

from docker_credential_gcr.emulator.google.oauth2.sts import SUBJECT_TOKEN_TYPES
from docker_credential_gcr.emulator.identity.cel.dialect import Kind
from docker_credential_gcr.emulator.identity.cel.expressions import DIALECT
from docker_credential_gcr.emulator.identity.federation.principals import MEMBER
from docker_credential_gcr.emulator.identity.roles import ROLES

PAGE = (DOCS / "identity.md").read_text("utf-8")
SECTION = PAGE.partition("\n## Federation\n")[2].partition("\n## ")[0]
(SCRIPT,) = find_scripts(SECTION)
# What each column of the roles' table promises.
COLUMNS = ["getAccessToken", "getOpenIdToken", "signBlob", "implicitDelegation"]


def rows(heading: str) -> list[list[str]]:
    """The cells of the table whose first column has that heading."""
    table = PAGE.partition(f"\n| {heading} |")[2].partition("\n\n")[0].splitlines()[2:]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in table]


@needs_of(SCRIPT)
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
    assert answer["expires_in"] == 3599


def test_every_role_that_lets_act_as_an_account_is_listed() -> None:
    listed = {cells[0].strip("`"): [cell == "yes" for cell in cells[1:]] for cells in rows("role")}

    permissions = [f"iam.serviceAccounts.{verb}" for verb in COLUMNS]
    given = {role: [each in ROLES[role] for each in permissions] for role in ROLES}
    assert listed == {role: columns for role, columns in given.items() if any(columns)}


def test_every_subject_token_type_is_listed() -> None:
    listed = {cells[0].strip("`"): cells[1].strip("`") for cells in rows("`subject_token_type`")}

    assert listed == {name: kind for name, (kind, _) in SUBJECT_TOKEN_TYPES.items()}


def test_every_word_of_expressions_is_listed() -> None:
    listed = {kind: set(re.findall(r"`([^`]+)`", words)) for kind, words in rows("in expressions")}

    assert listed == {
        "relations": DIALECT.relations,
        "functions": DIALECT.functions,
        "methods": set(DIALECT.members[Kind.ANY]),
        "of lists": DIALECT.macros,
    }


def test_every_form_of_a_member_is_one() -> None:
    pool = "projects/1/locations/global/workloadIdentityPools/github"
    members = [cells[0].strip("`").replace("POOL", pool).replace("NAME", "name") for cells in rows("member")]

    assert len(members) == 4
    assert all(MEMBER.fullmatch(member) for member in members)
