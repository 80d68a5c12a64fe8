"""`man`: the manual pages, made of the help that the commands print.

click-man, which does the same, runs examples together, does not escape what troff takes for a request, and
leaves out what stands below the commands; so the hundred lines are here.
"""

import inspect
import os
import re
from collections.abc import Iterator

import click

from docker_credential_gcr import __version__
from docker_credential_gcr.cli import spelling
from docker_credential_gcr.errors import ConfigError
from docker_credential_gcr.helper import PROGRAM, files

VERBATIM = "\b"  # click's own mark of a paragraph that keeps its lines
EXIT_STATUS = "0 done, 1 failed, 2 usage, 3 a login is required, 130 interrupted"


@click.command
@click.argument("command", required=False)
@click.option("--output", metavar="DIR", help="Write all of them into this directory.")
@click.pass_context
def man(context: click.Context, command: str | None, output: str | None) -> None:
    """Print a manual page, that of the program unless a COMMAND is named, or write all of them.

    \b
    Examples:
      docker-credential-gcr man doctor | man -l -
      docker-credential-gcr man --output ~/.local/share/man/man1
    """
    root = context.find_root()
    pages = dict(format_pages(root))
    if output is None:
        name = f"{PROGRAM}-{command}" if command else PROGRAM
        if name not in pages:
            known = [page.removeprefix(f"{PROGRAM}-") for page in pages if page != PROGRAM]
            raise click.UsageError(spelling.format_unknown(str(command), known))
        click.echo(pages[name], nl=False)
        return
    try:
        os.makedirs(output, exist_ok=True)
        for name, page in pages.items():
            files.write_file(os.path.join(output, f"{name}.1"), page.encode(), mode=0o644)
    except OSError as error:
        raise ConfigError(*files.explain_write(output, error)) from error
    click.echo(f"{output}: {len(pages)} pages", err=True)


def format_pages(root: click.Context) -> Iterator[tuple[str, str]]:
    """Yields the name and the text of each page: the program's, and one for each command that it lists."""
    group = root.command
    assert isinstance(group, click.Group)  # noqa: S101 - for the type checker
    found = {name: group.get_command(root, name) for name in group.list_commands(root)}
    commands = {name: command for name, command in found.items() if command}
    listed = [line for name, command in commands.items() for line in _format_command(name, command)]
    others = [f"{PROGRAM}-{name}" for name in commands]
    yield PROGRAM, _format_page(PROGRAM, group, root, [".SH COMMANDS", *listed], others)
    for name, command in commands.items():
        context = click.Context(command, info_name=name, parent=root)
        yield f"{PROGRAM}-{name}", _format_page(f"{PROGRAM}-{name}", command, context, [], [PROGRAM])


def _format_page(
    title: str, command: click.Command, context: click.Context, commands: list[str], others: list[str]
) -> str:
    """One page. https://man7.org/linux/man-pages/man7/man-pages.7.html"""
    summary = (command.short_help or command.get_short_help_str(200)).rstrip(".")
    usage = " ".join((context.command_path, *command.collect_usage_pieces(context)))
    paragraphs, sections = _split_help(f"{command.help or ''}\n\n{command.epilog or ''}")
    options = [
        line for parameter in command.get_params(context) for line in _format_option(parameter, context)
    ]
    lines = [
        f'.TH "{escape(title.upper())}" 1 "" "{PROGRAM} {__version__}"',
        *(".SH NAME", rf"{escape(title)} \- {escape(summary)}"),
        *(".SH SYNOPSIS", f".B {escape(usage)}"),
        *(".SH DESCRIPTION", *paragraphs),
        *(".SH OPTIONS", *options),
        *commands,
        *sections,
        *(".SH EXIT STATUS", escape(EXIT_STATUS)),
        *(".SH SEE ALSO", ",\n".join(f".BR {escape(other)} (1)" for other in others).replace(",\n", "\n")),
    ]
    return "\n".join(lines) + "\n"


def _split_help(text: str) -> tuple[list[str], list[str]]:
    """The paragraphs of a help text, and its verbatim parts as sections of their own."""
    paragraphs: list[str] = []
    sections: list[str] = []
    for part in re.split(r"\n[ \t]*\n", inspect.cleandoc(text)):
        lines = inspect.cleandoc(part).splitlines()
        if lines and lines[0].strip() == VERBATIM:
            heading, *rest = inspect.cleandoc("\n".join(lines[1:])).splitlines()
            body = inspect.cleandoc("\n" + "\n".join(rest)).splitlines()
            sections += [f".SH {escape(heading.rstrip(':').upper())}", ".nf", *map(escape, body), ".fi"]
        elif lines:
            paragraphs += [".PP", *map(escape, lines)]
    return paragraphs, sections


def _format_option(parameter: click.Parameter, context: click.Context) -> list[str]:
    record = parameter.get_help_record(context)
    if record is None or not isinstance(parameter, click.Option):  # the synopsis shows arguments
        return []
    return [".TP", f".B {escape(record[0])}", escape(record[1])]


def _format_command(name: str, command: click.Command) -> list[str]:
    return [".TP", f".BR {escape(f'{PROGRAM}-{name}')} (1)", escape(command.short_help or "")]


def escape(text: str) -> str:
    """The text as troff prints it: no escape, no request at its beginning, and hyphens that can be copied."""
    escaped = text.replace("\\", r"\e").replace("-", r"\-").replace('"', r"\(dq")
    return rf"\&{escaped}" if escaped[:1] in (".", "'") else escaped
