"""Manual pages of commands, formatted from their help texts.

click-man is not used: it joins the lines of examples, does not escape what troff reads as a request, and
leaves out the text after the commands.
"""

import inspect
import re
from collections.abc import Iterator

import click

from docker_credential_gcr import __version__

_VERBATIM = "\b"  # click's mark of a paragraph whose lines are kept
_MAX_SUMMARY = 1000  # click cuts a summary after this number of characters


def format_pages(context: click.Context, exit_status: str) -> Iterator[tuple[str, str]]:
    """Yields the name and the text of a command's page, then those of its subcommands."""
    command, name = context.command, _name_page(context)
    subcommands = {}
    if isinstance(command, click.Group):
        found = {word: command.get_command(context, word) for word in command.list_commands(context)}
        subcommands = {word: one for word, one in found.items() if one}
    yield name, _format_page(name, context, subcommands, exit_status)
    for word, one in subcommands.items():
        yield from format_pages(click.Context(one, info_name=word, parent=context), exit_status)


def _name_page(context: click.Context) -> str:
    return context.command_path.replace(" ", "-")


def _format_page(
    title: str, context: click.Context, subcommands: dict[str, click.Command], exit_status: str
) -> str:
    """Returns one page. https://man7.org/linux/man-pages/man7/man-pages.7.html"""
    command = context.command
    usage = " ".join((context.command_path, *command.collect_usage_pieces(context)))
    paragraphs, sections = _split_help(f"{command.help or ''}\n\n{command.epilog or ''}")
    others = [_name_page(context.parent)] if context.parent else []
    others += [f"{title}-{word}" for word in subcommands]
    lines = [
        f'.TH "{escape(title.upper())}" 1 "" "{context.find_root().info_name} {__version__}"',
        *(".SH NAME", rf"{escape(title)} \- {escape(_summarize(command).rstrip('.'))}"),
        *(".SH SYNOPSIS", f".B {escape(usage)}"),
        *(".SH DESCRIPTION", *paragraphs),
        *(".SH OPTIONS", *_list_options(command, context)),
        *([".SH COMMANDS"] if subcommands else []),
        *(line for word, one in subcommands.items() for line in _list_command(f"{title}-{word}", one)),
        *sections,
        *(".SH EXIT STATUS", escape(exit_status)),
        *(".SH SEE ALSO", *(f".BR {escape(other)} (1)" for other in others)),
    ]
    return "\n".join(lines) + "\n"


def _summarize(command: click.Command) -> str:
    return command.short_help or command.get_short_help_str(_MAX_SUMMARY)


def _split_help(text: str) -> tuple[list[str], list[str]]:
    """Returns the paragraphs of a help text, and its sections: verbatim paragraphs with a heading."""
    paragraphs: list[str] = []
    sections: list[str] = []
    for part in re.split(r"\n[ \t]*\n", inspect.cleandoc(text)):
        lines = inspect.cleandoc(part).splitlines()
        if lines and lines[0].strip() == _VERBATIM:
            heading, *rest = inspect.cleandoc("\n".join(lines[1:])).splitlines()
            if heading.endswith(":"):
                rest = inspect.cleandoc("\n" + "\n".join(rest)).splitlines()
                sections += [f".SH {escape(heading[:-1].upper())}", ".nf", *map(escape, rest), ".fi"]
            else:
                paragraphs += [".PP", ".nf", *map(escape, lines[1:]), ".fi"]
        elif lines:
            paragraphs += [".PP", *map(escape, lines)]
    return paragraphs, sections


def _list_options(command: click.Command, context: click.Context) -> Iterator[str]:
    for parameter in command.get_params(context):
        record = parameter.get_help_record(context)
        if record is not None and isinstance(parameter, click.Option):  # the synopsis shows arguments
            yield from (".TP", f".B {escape(record[0])}", escape(record[1]))


def _list_command(title: str, command: click.Command) -> tuple[str, str, str]:
    return ".TP", f".BR {escape(title)} (1)", escape(_summarize(command))


def escape(text: str) -> str:
    """Escapes a text for troff: it starts with no request, and its hyphens can be copied."""
    escaped = text.replace("\\", r"\e").replace("-", r"\-").replace('"', r"\(dq")
    return rf"\&{escaped}" if escaped[:1] in (".", "'") else escaped
