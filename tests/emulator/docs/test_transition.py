"""docs/transition.md tells the truth: its kinds of projects and states are those of the code."""

import re

from support.checkout import DOCS
from support.pages import read_table

from docker_credential_gcr.emulator.identity.redirection import STATES, Redirection, RegistryKind

PAGE = (DOCS / "transition.md").read_text("utf-8")
PREFIX = "REDIRECTION_FROM_GCR_IO_"


def test_every_kind_is_listed_with_the_state_that_is_reported() -> None:
    listed = {kind: f"{PREFIX}{state}" for kind, state, _ in read_table(PAGE, "kind")}

    assert listed == {kind.value: Redirection(kind).reported_state for kind in RegistryKind}


def test_every_state_is_listed_once() -> None:
    named = [name for cell, _ in read_table(PAGE, "state") for name in re.findall("[A-Z_]+", cell)]

    assert sorted(f"{PREFIX}{name}" for name in named) == sorted(STATES)
