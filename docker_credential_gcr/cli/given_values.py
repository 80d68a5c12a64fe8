"""Refuses options and arguments that look like secrets, before any message repeats them."""

from collections.abc import Iterator

import click

from docker_credential_gcr.errors import find_secret_form

PATHS = ("FILE", "DIR")  # the metavars of options that take one
NOT_SHOWN = "not shown, because it may be a secret"


def check_words(context: click.Context, words: list[str]) -> None:
    """Raises UsageError where the name of a command, or of an option before it, looks like a secret."""
    for word in words:
        _check_word(context, word)
        if not word.startswith("-"):
            return


def check_command(name: str | None, command: click.Command, parent: click.Context, words: list[str]) -> None:
    """Raises UsageError where a value that a command is given looks like a secret, and names its option."""
    context = click.Context(command, parent=parent, info_name=name, **command.context_settings)
    try:
        given, rest, _ = command.make_parser(context).parse_args(list(words))
    except click.UsageError:  # click will say what is wrong, and repeat no more than the word of an option
        given, rest = {}, [word for word in words if word.startswith("-")]
    for word in rest:
        _check_word(context, word)
    for parameter in command.get_params(context):
        for value in _list_texts(given.get(parameter.name or "")):
            form = find_secret_form(value)
            if form:
                form += ", not a path" if parameter.metavar in PATHS else ""
                raise click.BadParameter(f"it is {form}: {NOT_SHOWN}", context, parameter)


def _check_word(context: click.Context, word: str) -> None:
    form = find_secret_form(word) or find_secret_form(word.lstrip("-"))
    if form:
        raise click.UsageError(f"an argument is {form}: {NOT_SHOWN}", context)


def _list_texts(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from _list_texts(item)
