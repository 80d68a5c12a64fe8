"""Shows a change of a configuration file without the secrets that the file may hold."""

import difflib
import re

import click

from docker_credential_gcr.cli import terminal

COLORS = {"+": "green", "-": "red", "@": "cyan"}
# Docker's own names for secrets; headers and proxies may carry passwords, too.
SECRETS = re.compile(
    r'("(?:auth|identitytoken|registrytoken|password|[a-z]*proxy|authorization)"\s*:\s*)"(?:[^"\\]|\\.)*"',
    re.IGNORECASE,
)


def show(path: str, before: str, after: str) -> None:
    """Print a unified diff on stdout, in colour on a terminal."""
    for line in format_diff(path, before, after):
        click.secho(line, fg=COLORS.get(line[:1]), color=terminal.is_colored())


def format_diff(path: str, before: str, after: str) -> list[str]:
    """The lines of a unified diff; none when nothing changes."""
    old, new = (SECRETS.sub(r'\1"***"', text).splitlines() for text in (before, after))
    return list(difflib.unified_diff(old, new, path, path, lineterm=""))
