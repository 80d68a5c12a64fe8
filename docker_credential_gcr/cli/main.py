"""The commands for people: what Docker does not ask for."""

import os
import sys
from importlib import import_module
from typing import TYPE_CHECKING

import click

from docker_credential_gcr.commands import argument_checks
from docker_credential_gcr.errors import Error
from docker_credential_gcr.helper import PROGRAM, protocol

from . import go_flags, verbs
from .registry_names import COMPLETE

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

INTERRUPTED = 130

EPILOG = f"""\b
Examples:
  {PROGRAM} configure-docker
  {PROGRAM} configure-docker --registries us-docker.pkg.dev
  {PROGRAM} login
  {PROGRAM} doctor us-docker.pkg.dev/my-project/images/app
  echo us-docker.pkg.dev | {PROGRAM} get
"""


# The line of each command in the help. Its module has its name, and is loaded when it runs or is described:
# all of them cost 40 ms, which is twice what click itself costs.
COMMANDS = {
    "clear": "Forget the login, the keys and the tokens, without a network.",
    "completion": "Print a shell's completion script.",
    "config": "Show or change where access tokens come from.",
    "configure-docker": "Make docker ask this helper for registries.",
    "doctor": "Find out why docker gets no credential, and what mends it.",
    "login": "Log in, in the browser or with a key.",
    "logout": "End the login; forget it, the keys and the tokens.",
    "man": "Print or write the manual pages.",
    "print-token": "Print the access token of a registry.",
    "status": "Show where each registry's tokens come from.",
    "unconfigure-docker": "Take back what configure-docker changed.",
    "write-auth": "Write short-lived credentials into a file.",
}
ALIASES = {"gcr-login": "login", "gcr-logout": "logout"}  # what Google's helper calls them


class Program(click.Group):
    """The commands for people, and Docker's verbs in a section of their own; a wrong name gets a guess."""

    def parse_args(self, context: click.Context, args: list[str]) -> list[str]:
        """Returns the words after the program's own options. Raises UsageError for a secret among these."""
        argument_checks.check_words(context, args)
        return super().parse_args(context, args)

    def list_commands(self, _context: click.Context) -> list[str]:
        """Returns the names of the commands and of Docker's verbs, without other programs' names for them."""
        return [*COMMANDS, *verbs.SUMMARIES]

    def get_command(self, context: click.Context, name: str) -> click.Command | None:
        """Returns the command of a name, from its module; None where there is no such command."""
        own = ALIASES.get(name, name)
        if own not in COMMANDS:
            return super().get_command(context, name)
        attribute = own.replace("-", "_")
        module = import_module(f"docker_credential_gcr.cli.{attribute}")
        command: click.Command = getattr(module, attribute)
        command.short_help = COMMANDS[own]
        return command

    def format_commands(self, _context: click.Context, formatter: click.HelpFormatter) -> None:
        """Writes both sections of the help."""
        sections = {
            "Commands": COMMANDS,
            "Docker's verbs, which read stdin and write stdout": verbs.SUMMARIES,
        }
        for title, lines in sections.items():
            with formatter.section(title):
                formatter.write_dl(list(lines.items()))

    def shell_complete(self, context: click.Context, incomplete: str) -> "list[CompletionItem]":
        """Returns the commands and options that begin so; click's own way would load every command."""
        from click.shell_completion import CompletionItem  # 0.4 ms, and only a shell asks

        lines = {**COMMANDS, **verbs.SUMMARIES}
        found = [
            CompletionItem(name, help=lines[name]) for name in sorted(lines) if name.startswith(incomplete)
        ]
        return found + click.Command.shell_complete(self, context, incomplete)

    def resolve_command(
        self, context: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Returns the command of a name. Raises UsageError with the name that was likely meant.

        Raises it also for a value that looks like a secret, without repeating the value.
        """
        try:
            name, command, rest = super().resolve_command(context, args)
        except click.UsageError:
            known = (*self.list_commands(context), *ALIASES)
            raise click.UsageError(argument_checks.format_unknown_command(args[0], known), context) from None
        if command and not context.resilient_parsing:
            argument_checks.check_command(name, command, context, rest)
        return name, command, rest


@click.group(
    cls=Program,
    invoke_without_command=True,
    epilog=EPILOG,
    context_settings={"help_option_names": ["-h", "--help"]},
)
@click.option("-v", "--version", is_flag=True, expose_value=False, help="Print the version.")
@click.pass_context
def cli(context: click.Context) -> None:
    """Docker credential helper for Google's container registries."""
    if context.invoked_subcommand is None:
        click.echo(context.get_help())


for verb in verbs.COMMANDS:
    cli.add_command(verb)


def run(arguments: list[str]) -> int:
    """Runs one command; its exit status: 0 done, 1 failed, 2 usage, 3 a login is needed, 130 interrupted."""
    if os.environ.get(COMPLETE):
        # click learns how PowerShell asks
        import_module("docker_credential_gcr.commands.completion_script")
    try:
        status = cli.main(go_flags.translate(arguments), prog_name=PROGRAM, standalone_mode=False)
        if sys.stdout:
            sys.stdout.flush()
    except click.ClickException as error:
        _explain(error).show()
        return error.exit_code
    except (click.Abort, KeyboardInterrupt):
        return INTERRUPTED
    except Error as error:
        click.echo(protocol.format_notice(error), err=True, nl=False)
        return error.exit_code
    except BrokenPipeError:
        # What is left in the buffer must not fail again when the interpreter ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except Exception:  # noqa: BLE001 - the rim
        # 2 ms, for nothing unless a command fails here
        import traceback

        from docker_credential_gcr.helper.redaction import redact

        told = redact(traceback.format_exc())  # its last line may repeat any value
        click.echo(f"{PROGRAM}: internal error\n{told}", err=True, nl=False)
        return 1
    return status if isinstance(status, int) else 0


def _explain(error: click.ClickException) -> click.ClickException:
    """Returns the error, with the option that a word too many was meant for."""
    if not isinstance(error, click.UsageError) or error.ctx is None:
        return error
    command = error.ctx.command
    options = [name for parameter in command.params for name in parameter.opts]
    text = go_flags.explain_extra(error.message, command.name, options)
    return error if text == error.message else click.UsageError(text, error.ctx)
