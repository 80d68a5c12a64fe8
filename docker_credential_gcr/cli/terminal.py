"""What a terminal gets and a file or a pipe does not: colour, and questions."""

import os
import sys
from collections.abc import Mapping

import click

MAX_LINE = 64 * 1024  # bytes


def is_colored(environ: Mapping[str, str] = os.environ) -> bool | None:
    """What click is to be told: False with NO_COLOR, else None, which is where a terminal shows it.

    https://no-color.org
    """
    return False if environ.get("NO_COLOR") else None


def ask(question: str) -> bool:
    """The answer of the person at the terminal; no where there is none."""
    if not (sys.stdin and sys.stdin.isatty() and sys.stderr.isatty()):
        return False
    return click.confirm(question, err=True)


def read_input(size: int) -> bytes:
    """The bytes on stdin, at most `size`; none when it is closed."""
    return sys.stdin.buffer.read(size) if sys.stdin else b""


def read_line() -> str:
    """A line of a bounded length from stdin."""
    data = sys.stdin.buffer.readline(MAX_LINE) if sys.stdin else b""
    return data.decode("utf-8", "replace")


def warn(text: str) -> None:
    """A line of warning on stderr."""
    click.echo(click.style("warning: ", fg="yellow") + text, err=True, color=is_colored())
