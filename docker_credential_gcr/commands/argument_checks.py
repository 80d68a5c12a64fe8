"""Words of a command line: refuses those that look like secrets, and guesses a mistyped command."""

from collections.abc import Callable, Iterable, Iterator, Mapping

import click

from docker_credential_gcr.errors import find_secret_form, quote

# The type of an option that takes any text, such as a name for people: no message repeats it.
TEXT = click.types.StringParamType()
PATH_METAVARS = ("FILE", "DIR")  # the metavars of options that take one
NOT_SHOWN = "not shown, because it may be a secret"


def check_words(context: click.Context, words: list[str]) -> None:
    """Raises UsageError where the name of a command, or of an option before it, looks like a secret."""
    for word in words:
        _check_word(context, word)
        if not word.startswith("-"):
            return


def check_command(
    name: str | None,
    command: click.Command,
    parent: click.Context,
    words: list[str],
    parts: Mapping[str, Callable[[str], str]] | None = None,
) -> None:
    """Raises UsageError where an option, an argument or its variable looks like a secret, and names it.

    `parts` says by a parameter's name which part of its value could be one, where that is not all of it.
    """
    context = click.Context(command, parent=parent, info_name=name, **command.context_settings)
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
            part = (parts or {}).get(parameter.name or "", str)(value)
            _check(part, parameter, context, parameter.envvar if variable else None)


def format_unknown_command(name: str, names: Iterable[str], most: int = 1) -> str:
    """Returns what is said of a command that does not exist, with those that were likely meant."""
    import difflib  # 1 ms, for nothing unless a name is wrong

    known = sorted(names)
    begun = [other for other in known if name and other.startswith(name)]
    close = begun if len(begun) == 1 else difflib.get_close_matches(name, known, n=most)
    hint = f" Did you mean {' or '.join(map(repr, close))}?" if close else ""
    return f"No such command {quote(name)}.{hint}"


def _check(value: str, parameter: click.Parameter, context: click.Context, variable: object) -> None:
    form = find_secret_form(value)
    if form:
        is_path = isinstance(parameter.type, click.Path) or parameter.metavar in PATH_METAVARS
        named = click.Parameter.get_error_hint(parameter, context)
        named += f" (env var: {variable!r})" if variable else ""
        told = f"it is {form}{', not a path' if is_path else ''}: {NOT_SHOWN}"
        raise click.BadParameter(told, context, parameter, named)


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
