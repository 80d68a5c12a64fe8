"""The tables of docs/upkeep.md are those of the code."""

import re

import pytest
from support.checkout import DOCS

from docker_credential_gcr.emulator.maintenance.fsck.findings import KINDS
from docker_credential_gcr.emulator.runtime.failpoints import POINTS

PAGE = (DOCS / "upkeep.md").read_text("utf-8")


COMMANDS = {name: f"`gcr-emulator {name}`" for name in ("gc", "rebuild")}
FINDINGS = {kind: f"{what}: {remedy.format(**COMMANDS)}" for kind, (what, remedy) in KINDS.items()}


@pytest.mark.parametrize(("heading", "table"), [("kind", FINDINGS), ("point", POINTS)])
def test_table_lists_what_the_code_knows(heading, table):
    rows = PAGE.partition(f"\n| {heading} |")[2].partition("\n\n")[0].splitlines()[2:]
    assert dict(re.fullmatch(r"\| `([\w-]+)` \| (.+) \|", row).groups() for row in rows) == table
