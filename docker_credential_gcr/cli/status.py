"""`status`: for each registry the token source that would answer, whose tokens it gives, and until when."""

import json
import os
import time

import click

from docker_credential_gcr.cli import terminal
from docker_credential_gcr.helper import status as statuses
from docker_credential_gcr.helper.status import RegistryStatus

STATES = {
    statuses.READY: ("a new one at the next call", None),
    statuses.ABSENT: ("no credential", "yellow"),
    statuses.FAILED: ("failed", "red"),
}


@click.command(short_help="Show where each registry's tokens come from.")
@click.option(
    "--json",
    "is_json",
    is_flag=True,
    help="Print a JSON document; docs/schemas/status.json says of what form.",
)
def status(is_json: bool) -> None:
    """Show for each registry the token source that would answer, the account, and the token's end.

    Nobody is asked, and no secret is shown. Where Docker's configuration disagrees, it says so, with the
    command that mends it.

    \b
    Examples:
      docker-credential-gcr status
      docker-credential-gcr status --json | jq -r '.registries[].registry'
    """
    loaded = statuses.load_status(os.environ)
    if is_json:
        click.echo(json.dumps(statuses.to_document(loaded), indent=2))
        return
    rows = [_format(found, time.time()) for found in loaded.registries]
    header = ("REGISTRY", "SOURCE", "ACCOUNT", "TOKEN")
    widths = [max(len(row[column]) for row in (header, *rows)) for column in range(3)]
    for found, row in zip((None, *loaded.registries), (header, *rows), strict=True):
        cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=False)]
        color = STATES[found.state][1] if found and found.state in STATES else None
        click.secho("  ".join([*cells, row[3]]), fg=color, color=terminal.is_colored())
    for found in loaded.registries:
        if found.fault:
            terminal.warn(f"{found.registry}: {found.fault}")
        for item in found.disagreements:
            terminal.warn(f"{found.registry}: {item.text}" + (f": {item.command}" if item.command else ""))


def _format(found: RegistryStatus, now: float) -> tuple[str, str, str, str]:
    """The cells of a line."""
    token = STATES[found.state][0] if found.state in STATES else ""
    if found.expires_at is not None:
        token = f"{max(0, int(found.expires_at - now)) // 60} min left"
    return found.registry, found.source or "-", found.account or "-", token
