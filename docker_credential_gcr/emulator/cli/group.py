"""Click groups: whole summaries in the help, suggestions for mistyped commands, no secret in a message."""

from collections.abc import Iterator, Mapping, MutableMapping
from importlib import import_module

import click

from docker_credential_gcr.commands.argument_checks import check_command, check_words, format_unknown_command
from docker_credential_gcr.emulator.identity.suggestions import find_member_name

# click cuts a summary at the end of the line; here it may take two lines.
_WHOLE = 1000
# Wide terminals get long lines; click alone stops at 80 columns.
MAX_COLUMNS = 120
_DATABASES = ("postgresql://", "postgres://")


def _find_other_text(url: str) -> str:
    """Returns what is not the URL of a database, which may have a user and a password."""
    return "" if url.startswith(_DATABASES) else url


# The part of a parameter's value that must not look like a secret.
_PARTS = {"member": find_member_name, "database": _find_other_text}


class LazyCommands(MutableMapping[str, click.Command]):
    """Commands of a group by name, each imported at its first use: all of them together take 25 ms."""

    def __init__(self, modules: Mapping[str, str]) -> None:
        self._found: dict[str, str | click.Command] = dict(modules)

    def __getitem__(self, name: str) -> click.Command:
        found = self._found[name]
        if isinstance(found, str):
            command: click.Command = getattr(import_module(found), name)
            self._found[name] = found = command
        return found

    def __setitem__(self, name: str, command: click.Command) -> None:
        self._found[name] = command

    def __delitem__(self, name: str) -> None:
        del self._found[name]

    def __contains__(self, name: object) -> bool:
        return name in self._found

    def __iter__(self) -> Iterator[str]:
        return iter(self._found)

    def __len__(self) -> int:
        return len(self._found)


class Group(click.Group):
    """A click group that suggests commands, and refuses secrets among the arguments."""

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Writes each command with its whole summary."""
        commands = {name: self.get_command(ctx, name) for name in self.list_commands(ctx)}
        rows = [
            (name, command.get_short_help_str(_WHOLE))
            for name, command in commands.items()
            if command is not None and not command.hidden
        ]
        with formatter.section("Commands"):
            formatter.write_dl(rows)

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Returns the words after the group's options. Raises UsageError for a secret among these options."""
        check_words(ctx, args)
        return super().parse_args(ctx, args)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Finds the command.

        Raises UsageError with suggestions, which click has from 8.4 on only; also for a value that looks like
        a secret, without repeating the value.
        """
        name = args[0]
        if self.get_command(ctx, name) is None and not name.startswith("-") and not ctx.resilient_parsing:
            ctx.fail(format_unknown_command(name, self.list_commands(ctx), most=3))
        found, command, rest = super().resolve_command(ctx, args)
        if command is not None and not isinstance(command, click.Group) and not ctx.resilient_parsing:
            check_command(found, command, ctx, rest, _PARTS)
        return found, command, rest
