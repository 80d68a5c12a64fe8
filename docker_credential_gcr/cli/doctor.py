"""The command `doctor`: find out why docker gets no credential, and print the commands that mend it."""

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

    It fetches a token as the helper does, then asks the registry as docker does. For an image it finds out
    whether the image can be pulled and pushed, by requesting tokens for it. Without a name it examines all
    configured registries. The exit status is 1 if there is a fault; a warning is not a fault.

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
    """Prints a finding; its command is on one line, to be copied."""
    state = click.style(finding.state.ljust(7), fg=COLORS[finding.state])
    registry = f"{finding.registry}: " if finding.registry else ""
    text = _wrap(f"{finding.check}: {registry}{finding.text}")
    click.echo(f"{state}  {text}", color=terminal.is_colored())
    if finding.command:
        click.echo(f"{INDENT}{finding.command}", color=terminal.is_colored())


def _wrap(text: str) -> str:
    """Returns the text in lines that fit the terminal after the state; unchanged without a terminal."""
    if not sys.stdout.isatty():
        return text
    width = shutil.get_terminal_size().columns - len(INDENT)
    lines = textwrap.wrap(text, width, break_long_words=False, break_on_hyphens=False)
    return f"\n{INDENT}".join(lines)
