"""Terminal input and output: colors, questions, warnings, and bounded reads of stdin."""

import os
import sys
from collections.abc import Mapping

import click

MAX_LINE = 64 * 1024  # bytes


def is_colored(environ: Mapping[str, str] = os.environ) -> bool | None:
    """Returns click's `color`: False with NO_COLOR, else None: click then colors the output of a terminal.

    https://no-color.org
    """
    return False if environ.get("NO_COLOR") else None


def ask(question: str) -> bool:
    """Asks the user at the terminal; returns False where there is no terminal."""
    if not (sys.stdin and sys.stdin.isatty() and sys.stderr.isatty()):
        return False
    return click.confirm(question, err=True)


def read_input(size: int) -> bytes:
    """Reads at most `size` bytes from stdin; none when it is closed."""
    return sys.stdin.buffer.read(size) if sys.stdin else b""


def read_line() -> str:
    """Reads a line of at most MAX_LINE bytes from stdin."""
    data = sys.stdin.buffer.readline(MAX_LINE) if sys.stdin else b""
    return data.decode("utf-8", "replace")


def warn(text: str) -> None:
    """Prints a warning on stderr."""
    click.echo(click.style("warning: ", fg="yellow") + text, err=True, color=is_colored())
