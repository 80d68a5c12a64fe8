"""The command `status`: show the token source of each registry, its account, and the token in the cache."""

import json
import os
import shutil
import sys
import time
from collections.abc import Iterable

import click

from docker_credential_gcr.helper.doctor.status import (
    ABSENT,
    FAILED,
    READY,
    UNKNOWN,
    RegistryStatus,
    load_status,
    to_document,
)

from . import terminal

Row = tuple[str, str, str, str]
HEADER: Row = ("REGISTRY", "SOURCE", "ACCOUNT", "TOKEN")
STATES = {
    READY: ("a new one at the next call", None),
    UNKNOWN: ("not known", "yellow"),
    ABSENT: ("no credential", "yellow"),
    FAILED: ("failed", "red"),
}


@click.command
@click.option(
    "--json",
    "is_json",
    is_flag=True,
    help="Print a JSON document.",
)
def status(is_json: bool) -> None:
    """Show for each registry the token source that would answer, its account, and the token in the cache.

    It reads files only: `not known` means that a server or gcloud must be asked, which `doctor` does. It
    shows no secret. Where docker's configuration conflicts with the helper's, it prints the command that
    mends it.

    \b
    Examples:
      docker-credential-gcr status
      docker-credential-gcr status --json | jq -r '.registries[].registry'
    """
    loaded = load_status(os.environ)
    if is_json:
        click.echo(json.dumps(to_document(loaded), indent=2))
        return
    rows = [_format(found, time.time()) for found in loaded.registries]
    for found, text in zip((None, *loaded.registries), _lay_out(rows), strict=True):
        color = STATES[found.state][1] if found and found.state in STATES else None
        if text:
            click.secho(text, fg=color, color=terminal.is_colored())
    unknown = {found.source: found.command for found in reversed(loaded.registries) if found.command}
    for source, command in unknown.items():
        click.echo(f"hint: only a request to {source} tells whether it gives a token", err=True)
        click.echo(f"         {command}", err=True)
    for text, remedy, hosts in _join(loaded.registries):
        terminal.warn(f"{_format_hosts(hosts)}: {text}")
        if remedy:
            click.echo(f"         {remedy}", err=True)


def _lay_out(rows: list[Row]) -> list[str]:
    """Returns the text of the header and of each row: columns, or lines at a terminal that is too narrow."""
    widths = [max(len(row[column]) for row in (HEADER, *rows)) for column in range(4)]
    if sys.stdout.isatty() and sum(widths) + 6 > shutil.get_terminal_size().columns:
        names = [name.lower().ljust(max(map(len, HEADER))) for name in HEADER]
        return ["", *("\n".join(map("  ".join, zip(names, row, strict=True))) + "\n" for row in rows)]
    cells = [[cell.ljust(width) for cell, width in zip(row, widths, strict=True)] for row in (HEADER, *rows)]
    return ["  ".join(row).rstrip() for row in cells]


def _join(registries: Iterable[RegistryStatus]) -> list[tuple[str, str | None, list[str]]]:
    """Returns each error and problem once, with its command and its registries."""
    hosts: dict[tuple[str, str | None], list[str]] = {}
    for found in registries:
        pairs = [(item.text, item.command) for item in found.problems]
        if found.error:
            pairs.insert(0, (found.error, None))
        for pair in pairs:
            hosts.setdefault(pair, []).append(found.registry)
    return [(text, command, names) for (text, command), names in hosts.items()]


def _format_hosts(hosts: list[str]) -> str:
    return hosts[0] if len(hosts) == 1 else f"{hosts[0]} and {len(hosts) - 1} more"


def _format(found: RegistryStatus, now: float) -> Row:
    """Returns the cells of a row."""
    token = STATES[found.state][0] if found.state in STATES else ""
    if found.expires_at is not None:
        token = f"{max(0, int(found.expires_at - now)) // 60} min left"
    return found.registry, found.source or "-", found.account or "-", token
