"""gcr-emulator man: prints the manual pages, made from the help of the commands."""

import difflib
import inspect
import re
from collections.abc import Iterator
from pathlib import Path

import click

from docker_credential_gcr import __version__

_PROGRAM = "gcr-emulator"
_VERBATIM = "\b"  # click's own mark of a paragraph that keeps its lines
_EXIT_STATUS = "0 done, 1 failed, 2 usage, 130 interrupted"


@click.command()
@click.argument("words", metavar="[COMMAND]...", nargs=-1)
@click.option(
    "--output", type=click.Path(path_type=Path), metavar="DIR", help="Write all pages into this directory."
)
@click.pass_context
def man(context: click.Context, words: tuple[str, ...], output: Path | None) -> None:
    """Print a manual page, that of the program unless a COMMAND is named, or write all of them.

    \b
    gcr-emulator man image list | man -l -
    gcr-emulator man --output ~/.local/share/man/man1
    """
    pages = dict(_format_pages(context.find_root()))
    if output is None:
        name = "-".join((_PROGRAM, *words))
        if name not in pages:
            asked, known = (
                " ".join(words),
                [page.replace("-", " ").partition("emulator ")[2] for page in pages],
            )
            close = difflib.get_close_matches(asked, known, n=1)
            raise click.UsageError(
                f"No such command {asked!r}." + (f" Did you mean {close[0]!r}?" if close else "")
            )
        click.echo(pages[name], nl=False)
        return
    output.mkdir(parents=True, exist_ok=True)
    for name, page in pages.items():
        (output / f"{name}.1").write_text(page, "utf-8")
    click.echo(f"{output}: {len(pages)} pages", err=True)


def _format_pages(context: click.Context) -> Iterator[tuple[str, str]]:
    """The name and the text of the page of a command, and of those below it."""
    command, name = context.command, context.command_path.replace(" ", "-")
    below = {} if not isinstance(command, click.Group) else command.commands
    parent = "" if context.parent is None else context.parent.command_path.replace(" ", "-")
    others = [*filter(None, [parent]), *(f"{name}-{word}" for word in below)]
    yield name, _format_page(name, context, others)
    for word, one in below.items():
        yield from _format_pages(click.Context(one, info_name=word, parent=context))


def _format_page(title: str, context: click.Context, others: list[str]) -> str:
    """One page. https://man7.org/linux/man-pages/man7/man-pages.7.html"""
    command = context.command
    usage = " ".join((context.command_path, *command.collect_usage_pieces(context)))
    listed = command.commands.items() if isinstance(command, click.Group) else ()
    options = command.get_params(context)
    lines = [
        f'.TH "{_escape(title.upper())}" 1 "" "{_PROGRAM} {__version__}"',
        *(".SH NAME", rf"{_escape(title)} \- {_escape(_summarize(command).rstrip('.'))}"),
        *(".SH SYNOPSIS", f".B {_escape(usage)}"),
        *(".SH DESCRIPTION", *_format_help(command.help or "")),
        *(
            ".SH OPTIONS",
            *(line for option in options for line in _format_option(option, context)),
        ),
        *([".SH COMMANDS"] if listed else []),
        *(line for word, one in listed for line in (".TP", f".B {_escape(word)}", _escape(_summarize(one)))),
        *(".SH EXIT STATUS", _escape(_EXIT_STATUS)),
        *(".SH SEE ALSO", *(f".BR {_escape(other)} (1)" for other in others)),
    ]
    return "\n".join(lines) + "\n"


def _summarize(command: click.Command) -> str:
    return command.get_short_help_str(1000)


def _format_help(text: str) -> Iterator[str]:
    for part in re.split(r"\n[ \t]*\n", inspect.cleandoc(text)):
        lines = inspect.cleandoc(part).splitlines()
        if lines and lines[0].strip() == _VERBATIM:
            yield from (".PP", ".nf", *map(_escape, lines[1:]), ".fi")
        elif lines:
            yield from (".PP", *map(_escape, lines))


def _format_option(parameter: click.Parameter, context: click.Context) -> Iterator[str]:
    record = parameter.get_help_record(context)
    if record is not None and isinstance(parameter, click.Option):  # the synopsis shows arguments
        yield from (".TP", f".B {_escape(record[0])}", _escape(record[1]))


def _escape(text: str) -> str:
    """The text as troff prints it: no escape, no request at its beginning, and hyphens that can be copied."""
    escaped = text.replace("\\", r"\e").replace("-", r"\-").replace('"', r"\(dq")
    return rf"\&{escaped}" if escaped[:1] in (".", "'") else escaped
