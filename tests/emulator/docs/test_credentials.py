"""docs/credentials.md tells the truth: its tables are those of the code."""

from dataclasses import fields

import click
from support.checkout import DOCS
from support.pages import read_table

from docker_credential_gcr.emulator.cli.resources.credentials import create
from docker_credential_gcr.emulator.gce_instance import Instance

PAGE = (DOCS / "credentials.md").read_text("utf-8")


def list_names(section: str, heading: str) -> list[str]:
    """Returns the first column of the first table with that heading, in a section."""
    text = PAGE.partition(f"\n## {section}\n")[2].partition("\n## ")[0]
    return [row[0] for row in read_table(text, heading)]


def test_every_field_of_a_machine_is_listed() -> None:
    assert list_names("Metadata server", "field") == [field.name for field in fields(Instance)]


def test_every_type_and_option_of_credentials_is_listed() -> None:
    listed = [option for option in create.params if isinstance(option, click.Option)]
    given = [option for option in listed if option.name not in ("url", "ca", "token_file")]
    kinds = next(option for option in given if option.name == "kind")

    assert isinstance(kinds.type, click.Choice)
    assert list_names("Credentials of every kind", "type") == list(kinds.type.choices)
    assert list_names("Credentials of every kind", "option") == [option.opts[0] for option in given]
