"""Refuses options and arguments that look like secrets, before any message repeats them."""

import difflib
from collections.abc import Iterator

import click

from docker_credential_gcr.errors import find_secret_form

from .identity.guesses import KINDS

_NOT_SHOWN = "not shown, because it may be a secret"

# The type of an option that takes any text, such as a name for people: no message repeats it.
TEXT = click.types.StringParamType()


def check_words(context: click.Context, words: list[str]) -> None:
    """Raises UsageError where the name of a command, or of an option before it, looks like a secret."""
    for word in words:
        _check_word(context, word)
        if not word.startswith("-"):
            return


def check_command(command: click.Command, parent: click.Context, words: list[str]) -> None:
    """Raises UsageError where an option, an argument or its variable looks like a secret, and names it."""
    context = click.Context(command, parent=parent, info_name=command.name, **command.context_settings)
    try:
        given, rest, _ = command.make_parser(context).parse_args(list(words))
    except click.UsageError:  # click will say what is wrong, and repeat no more than the word of an option
        given, rest = {}, [word for word in words if word.startswith("-")]
    for word in rest:
        _check_word(context, word)
    for parameter in command.get_params(context):
        if parameter.type in (TEXT, click.UNPROCESSED):
            continue
        values = list(_list_texts(given.get(parameter.name or "")))
        variable = None if values else parameter.resolve_envvar_value(context)
        for value in values or filter(None, [variable]):
            _check(value, parameter, context, parameter.envvar if variable else None)


def _check(value: str, parameter: click.Parameter, context: click.Context, variable: object) -> None:
    form = find_secret_form(_find_member(value) if parameter.name == "member" else value)
    if form:
        is_path = isinstance(parameter.type, click.Path)
        named = click.Parameter.get_error_hint(parameter, context)
        named += f" (env var: {variable!r})" if variable else ""
        told = f"it is {form}{', not a path' if is_path else ''}: {_NOT_SHOWN}"
        raise click.BadParameter(told, context, parameter, named)


def _find_member(value: str) -> str:
    """Returns a member without its kind, also a mistyped one: serviceAccount:NAME@HOST holds no password."""
    kind, _, name = value.partition(":")
    return name if difflib.get_close_matches(kind.lower(), map(str.lower, KINDS)) else value


def _check_word(context: click.Context, word: str) -> None:
    form = find_secret_form(word) or find_secret_form(word.lstrip("-"))
    if form:
        raise click.UsageError(f"an argument is {form}: {_NOT_SHOWN}", context)


def _list_texts(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from _list_texts(item)
