"""The `sh` blocks of a page of docs/, and the programs that a machine may lack for them."""

import re

import pytest

# What the blocks call and neither a minimal system nor this package brings.
PROGRAMS = ("curl",)


def find_scripts(page: str) -> list[str]:
    """The `sh` blocks of a page, or of a part of one, in their order."""
    return re.findall(r"^```sh\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)


def needs_of(*scripts: str) -> pytest.MarkDecorator:
    """The mark of a test that runs these scripts."""
    words = {word for script in scripts for word in re.findall(r"\w+", script)}
    return pytest.mark.needs(*(program for program in PROGRAMS if program in words))
