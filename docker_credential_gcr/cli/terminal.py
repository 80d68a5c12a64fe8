"""What a terminal gets and a file or a pipe does not: colour, and questions."""

import os
import sys
from collections.abc import Mapping

import click


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


def warn(text: str) -> None:
    """A line of warning on stderr."""
    click.echo(click.style("warning: ", fg="yellow") + text, err=True, color=is_colored())
