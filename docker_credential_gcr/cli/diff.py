"""Shows a change of a configuration file without the secrets that the file may hold."""

import difflib
import os
import re
from collections.abc import Mapping

import click

COLORS = {"+": "green", "-": "red", "@": "cyan"}
# Docker's own names for secrets; headers and proxies may carry passwords, too.
SECRETS = re.compile(
    r'("(?:auth|identitytoken|registrytoken|password|[a-z]*proxy|authorization)"\s*:\s*)"(?:[^"\\]|\\.)*"',
    re.IGNORECASE,
)


def show(path: str, before: str, after: str, *, environ: Mapping[str, str] = os.environ) -> None:
    """Print a unified diff on stdout, in colour on a terminal. https://no-color.org"""
    is_colored = False if environ.get("NO_COLOR") else None  # None: where a terminal shows it
    for line in format_diff(path, before, after):
        click.secho(line, fg=COLORS.get(line[:1]), color=is_colored)


def format_diff(path: str, before: str, after: str) -> list[str]:
    """The lines of a unified diff; none when nothing changes."""
    old, new = (SECRETS.sub(r'\1"***"', text).splitlines() for text in (before, after))
    return list(difflib.unified_diff(old, new, path, path, lineterm=""))
