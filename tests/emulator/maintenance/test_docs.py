"""The tables of docs/upkeep.md and docs/scaling-upkeep.md are those of the code."""

import re

import pytest
from support.checkout import DOCS

from docker_credential_gcr.emulator.maintenance.fsck.findings import KINDS, SHARED_REMEDIES
from docker_credential_gcr.emulator.runtime.failpoints import POINTS

PAGE = (DOCS / "upkeep.md").read_text("utf-8")
SHARED_PAGE = (DOCS / "scaling-upkeep.md").read_text("utf-8")


COMMANDS = {name: f"`gcr-emulator {name}`" for name in ("gc", "rebuild")}
FINDINGS = {kind: f"{what}: {remedy.format(**COMMANDS)}" for kind, (what, remedy) in KINDS.items()}


@pytest.mark.parametrize(
    ("page", "heading", "table"),
    [(PAGE, "kind", FINDINGS), (PAGE, "point", POINTS), (SHARED_PAGE, "kind", SHARED_REMEDIES)],
    ids=["findings", "failpoints", "findings-of-servers"],
)
def test_table_lists_what_the_code_knows(page, heading, table):
    rows = page.partition(f"\n| {heading} |")[2].partition("\n\n")[0].splitlines()[2:]
    found = dict(re.fullmatch(r"\| `([\w-]+)` \| (.+) \|", row).groups() for row in rows)
    # At a terminal there are no backticks around options.
    assert {kind: text.replace("`", "") for kind, text in found.items()} == {
        kind: text.replace("`", "") for kind, text in table.items()
    }
