"""`doctor`: walk the way from Docker's configuration to the registry, and say what to run next."""

import json
import os
import shutil
import sys
import textwrap

import click

from docker_credential_gcr.helper.doctor import checks, findings
from docker_credential_gcr.helper.doctor.findings import Finding

from . import terminal
from .registry_names import REGISTRIES

COLORS = {findings.OK: "green", findings.WARNING: "yellow", findings.FAULT: "red"}
INDENT = " " * 9


@click.command
@click.argument("names", metavar="[HOST|IMAGE]...", nargs=-1, type=REGISTRIES)
@click.option(
    "--json",
    "is_json",
    is_flag=True,
    help="Print a JSON document.",
)
@click.pass_context
def doctor(context: click.Context, names: tuple[str, ...], is_json: bool) -> None:
    """Find out why docker gets no credential, and print the command that mends it.

    It asks for a token as the helper does, and the registry as Docker asks it. For an image it finds out
    whether it may be pulled and pushed, as a client does: by asking for a token for it. Without a name it
    examines all registries that are configured. It ends with 1 when it found a fault; a warning is none.

    \b
    Examples:
      docker-credential-gcr doctor
      docker-credential-gcr doctor us-docker.pkg.dev/my-project/images/app:v1
      docker-credential-gcr doctor us-docker.pkg.dev --json |
        jq -r '.findings[].command | values'
    """
    found = []
    for finding in checks.examine(names, os.environ):
        found.append(finding)
        if not is_json:
            _show(finding)
    if is_json:
        click.echo(json.dumps(findings.to_document(found), indent=2))
    context.exit(1 if any(finding.state == findings.FAULT for finding in found) else 0)


def _show(finding: Finding) -> None:
    """Prints a finding as soon as it is known, and its command on a line that can be copied whole."""
    state = click.style(finding.state.ljust(7), fg=COLORS[finding.state])
    where = f"{finding.registry}: " if finding.registry else ""
    text = _wrap(f"{finding.check}: {where}{finding.text}")
    click.echo(f"{state}  {text}", color=terminal.is_colored())
    if finding.command:
        click.echo(f"{INDENT}{finding.command}", color=terminal.is_colored())


def _wrap(text: str) -> str:
    """Returns the text in lines that fit a terminal behind the state; as it is where none shows it."""
    if not sys.stdout.isatty():
        return text
    width = shutil.get_terminal_size().columns - len(INDENT)
    lines = textwrap.wrap(text, width, break_long_words=False, break_on_hyphens=False)
    return f"\n{INDENT}".join(lines)
