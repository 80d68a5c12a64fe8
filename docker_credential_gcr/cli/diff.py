"""The diff of a configuration file, for --dry-run: values that change, and *** for every other value.

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
LITERALS = (True, False, None)  # shown: they hold no secret


def show(path: str, before: str, after: str) -> None:
    """Prints a unified diff on stdout, with colors at a terminal."""
    for line in format_diff(path, before, after):
        click.secho(line, fg=COLORS.get(line[:1]), color=terminal.is_colored())


def format_diff(path: str, before: str, after: str) -> list[str]:
    """Returns the lines of a unified diff; none when no value changes.

    Both sides have the layout of the file before the change, so that spaces make no difference.
    """
    old, new = _parse(before), _parse(after)
    style = after if old is None else before
    lines = _format(old, new or {}, style), _format(new, old or {}, style)
    return list(difflib.unified_diff(lines[0], lines[1], path, path, lineterm=""))


def mask(content: Content, other: Content) -> Content:
    """Returns an object with a mask for each value that is equal in the other object.

    A list is one value. A key that looks like a secret is described.
    """
    masked: Content = {}
    for key, value in content.items():
        other_value, form = other.get(key), find_secret_form(key)
        shown = f"*** {form}" if form else key
        if isinstance(value, dict):
            masked[shown] = mask(value, other_value if isinstance(other_value, dict) else {})
        else:
            is_shown = value != other_value or any(value is literal for literal in LITERALS)
            masked[shown] = value if is_shown else MASK
    return masked


def _parse(text: str) -> Content | None:
    """Parses the object in a text; returns None for an empty text, of an absent file."""
    return None if text.strip() in ("", "null") else json_file.parse(text)


def _format(content: Content | None, other: Content, style: str) -> list[str]:
    return [] if content is None else json_file.format_like(mask(content, other), style).splitlines()
