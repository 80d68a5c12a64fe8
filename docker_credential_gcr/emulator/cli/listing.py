"""Tables and JSON documents on stdout: a table for people, or with --json one document."""

import json
import shutil
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import click

from .options import say

Document = Mapping[str, Any]

_GAP = "  "
_SIZE_UNITS = ("KiB", "MiB", "GiB", "TiB")

json_option = click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")


def print_list(
    name: str,
    found: Sequence[Document],
    header: tuple[str, ...],
    format_row: Callable[[Document], tuple[str, ...]],
    *,
    as_json: bool,
    empty: str,
) -> None:
    """Prints a row for each below a header, or {name: [...]}; says `empty` on stderr if there are none."""
    if as_json:
        click.echo(json.dumps({name: found}, indent=2))
        return
    if not found:
        say(empty)
        return
    columns = shutil.get_terminal_size().columns if sys.stdout.isatty() else None
    for line in format_table([header, *map(format_row, found)], columns):
        click.echo(line)


def format_table(rows: Sequence[tuple[str, ...]], columns: int | None) -> list[str]:
    """Returns the lines of a table, two for each row if the terminal is too narrow for one."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    cells = [tuple(map(str.ljust, row, widths)) for row in rows]
    if columns is not None and len(_GAP.join(cells[0])) > columns:
        return [line.rstrip() for first, *rest in cells for line in (first, _GAP + _GAP.join(rest))]
    return [_GAP.join(row).rstrip() for row in cells]


def print_counts(counts: Mapping[str, int], *, as_json: bool) -> None:
    """Prints the number of each kind, one a line, or the document."""
    if as_json:
        click.echo(json.dumps(counts, indent=2))
        return
    for kind, count in counts.items():
        click.echo(f"{kind} {count}")


def print_document(document: Document, *, as_json: bool) -> None:
    """Prints a line for each field, or the document."""
    if as_json:
        click.echo(json.dumps(document, indent=2))
        return
    for name, value in document.items():
        if isinstance(value, list) and value:
            click.echo("\n".join([f"{name}:", *(f"  {_format(item)}" for item in value)]))
        else:
            click.echo(f"{name}: {_format(value)}")


def format_size(size: float) -> str:
    """Returns a number of bytes as people read it: 512 B, 1.5 KiB, 70.0 MiB."""
    if size < 1024:
        return f"{size:.0f} B"
    for unit in _SIZE_UNITS:
        size /= 1024
        if size < 1023.95 or unit == _SIZE_UNITS[-1]:
            break
    return f"{size:.1f} {unit}"


def _format(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value)
