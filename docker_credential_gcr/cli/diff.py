"""Shows a change of a configuration file: the values that change, and *** for every other value.

-{"auths": {"gcr.io": {"auth": "***"}}}
+{"auths": {"gcr.io": {"auth": "***"}}, "credHelpers": {"gcr.io": "gcr"}}
"""

import difflib

import click

from docker_credential_gcr.errors import find_secret_form
from docker_credential_gcr.helper.configure import json_file
from docker_credential_gcr.helper.configure.json_file import Content

from . import terminal

COLORS = {"+": "green", "-": "red", "@": "cyan"}
MASK = "***"
LITERALS = (True, False, None)  # they hold no secret


def show(path: str, before: str, after: str) -> None:
    """Prints a unified diff on stdout, in colour on a terminal."""
    for line in format_diff(path, before, after):
        click.secho(line, fg=COLORS.get(line[:1]), color=terminal.is_colored())


def format_diff(path: str, before: str, after: str) -> list[str]:
    """Returns the lines of a unified diff; none when nothing changes.

    Both sides are laid out as the file was: values are compared, and not spaces.
    """
    old, new = _parse(before), _parse(after)
    style = after if old is None else before
    lines = _format(old, new or {}, style), _format(new, old or {}, style)
    return list(difflib.unified_diff(lines[0], lines[1], path, path, lineterm=""))


def mask(content: Content, other: Content) -> Content:
    """Returns an object with a mask for each value that the other holds, too, under the same keys.

    A list counts as one value. A key that looks like a secret is described.
    """
    masked: Content = {}
    for key, value in content.items():
        held, form = other.get(key), find_secret_form(key)
        shown = f"*** {form}" if form else key
        if isinstance(value, dict):
            masked[shown] = mask(value, held if isinstance(held, dict) else {})
        else:
            is_shown = value != held or any(value is literal for literal in LITERALS)
            masked[shown] = value if is_shown else MASK
    return masked


def _parse(text: str) -> Content | None:
    """Returns the object in a text; None without a text: the file is created, or removed."""
    return None if text.strip() in ("", "null") else json_file.parse(text)


def _format(content: Content | None, other: Content, style: str) -> list[str]:
    return [] if content is None else json_file.format_like(mask(content, other), style).splitlines()
