"""Command-line arguments: values that look like secrets are refused; a mistyped command gets a suggestion."""

from collections.abc import Callable, Iterable, Iterator, Mapping

import click

from docker_credential_gcr.errors import find_secret_form, quote

# The type of an option that takes any text, such as a display name: no message repeats it.
TEXT = click.types.StringParamType()
PATH_METAVARS = ("FILE", "DIR")  # of options that take a path
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

    `parts` has, by the name of a parameter, a function that returns the part of the value to check.
    """
    context = click.Context(command, parent=parent, info_name=name, **command.context_settings)
    try:
        values_by_name, rest, _ = command.make_parser(context).parse_args(list(words))
    except click.UsageError:  # click explains it, and repeats only the name of an option
        values_by_name, rest = {}, [word for word in words if word.startswith("-")]
    for word in rest:
        _check_word(context, word)
    for parameter in command.get_params(context):
        if parameter.type in (TEXT, click.UNPROCESSED):
            continue
        values = list(_list_texts(values_by_name.get(parameter.name or "")))
        variable = None if values else parameter.resolve_envvar_value(context)
        for value in values or filter(None, [variable]):
            part = (parts or {}).get(parameter.name or "", str)(value)
            _check(part, parameter, context, parameter.envvar if variable else None)


def format_unknown_command(name: str, names: Iterable[str], most: int = 1) -> str:
    """Returns the message for an unknown command, with at most `most` similar ones."""
    import difflib  # 1 ms, needed only for a wrong name

    known = sorted(names)
    completed = [other for other in known if name and other.startswith(name)]
    close = completed if len(completed) == 1 else difflib.get_close_matches(name, known, n=most)
    hint = f" Did you mean {' or '.join(map(repr, close))}?" if close else ""
    return f"No such command {quote(name)}.{hint}"


def _check(value: str, parameter: click.Parameter, context: click.Context, variable: object) -> None:
    form = find_secret_form(value)
    if form:
        is_path = isinstance(parameter.type, click.Path) or parameter.metavar in PATH_METAVARS
        named = click.Parameter.get_error_hint(parameter, context)
        named += f" (env var: {variable!r})" if variable else ""
        text = f"it is {form}{', not a path' if is_path else ''}: {NOT_SHOWN}"
        raise click.BadParameter(text, context, parameter, named)


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
