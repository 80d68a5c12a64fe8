"""The command line of docker-credential-gcr: the group of all commands, and the exit status."""

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


# command -> its summary in the help. The module of the same name is loaded when the command runs, or when its
# own help is shown: all modules cost 40 ms, twice as much as click.
COMMANDS = {
    "clear": "Forget the login, the keys and the tokens, without a network.",
    "completion": "Print a shell's completion script.",
    "config": "Show or change where access tokens come from.",
    "configure-docker": "Configure docker to ask this helper for credentials.",
    "doctor": "Find out why docker gets no credential, and what mends it.",
    "login": "Log in with the browser, or with a key.",
    "logout": "Revoke and forget the login; forget the keys and the tokens.",
    "man": "Print or write the manual pages.",
    "print-token": "Print an access token for a registry.",
    "status": "Show where each registry's tokens come from.",
    "unconfigure-docker": "Undo the changes of configure-docker.",
    "write-auth": "Write short-lived credentials into a file.",
}
ALIASES = {"gcr-login": "login", "gcr-logout": "logout"}  # the names in Google's helper


class Program(click.Group):
    """The group of all commands: those for users, and Docker's verbs in a separate section of the help."""

    def parse_args(self, context: click.Context, args: list[str]) -> list[str]:
        """Parses the program's own options; returns the other words. Raises UsageError for a secret."""
        argument_checks.check_words(context, args)
        return super().parse_args(context, args)

    def list_commands(self, _context: click.Context) -> list[str]:
        """Returns the names of the commands and of Docker's verbs, without aliases."""
        return [*COMMANDS, *verbs.SUMMARIES]

    def get_command(self, context: click.Context, name: str) -> click.Command | None:
        """Loads the command of a name; returns None where there is no such command."""
        own = ALIASES.get(name, name)
        if own not in COMMANDS:
            return super().get_command(context, name)
        attribute = own.replace("-", "_")
        module = import_module(f"docker_credential_gcr.cli.{attribute}")
        command: click.Command = getattr(module, attribute)
        command.short_help = COMMANDS[own]
        return command

    def format_commands(self, _context: click.Context, formatter: click.HelpFormatter) -> None:
        """Writes the two sections of commands into the help."""
        sections = {
            "Commands": COMMANDS,
            "Docker's verbs, which read stdin and write stdout": verbs.SUMMARIES,
        }
        for title, lines in sections.items():
            with formatter.section(title):
                formatter.write_dl(list(lines.items()))

    def shell_complete(self, context: click.Context, incomplete: str) -> "list[CompletionItem]":
        """Returns the matching commands and options; click's own method would load every command."""
        from click.shell_completion import CompletionItem  # 0.4 ms, needed only by a shell

        lines = {**COMMANDS, **verbs.SUMMARIES}
        found = [
            CompletionItem(name, help=lines[name]) for name in sorted(lines) if name.startswith(incomplete)
        ]
        return found + click.Command.shell_complete(self, context, incomplete)

    def resolve_command(
        self, context: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Returns the command of a name. Raises UsageError for an unknown one, with the nearest name.

        Raises UsageError also for a value that looks like a secret, without repeating the value.
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
    """Runs one command; returns the exit status.

    0 done, 1 failed, 2 usage, 3 a login is required, 130 interrupted.
    """
    if os.environ.get(COMPLETE):
        # registers the completion of PowerShell, which click lacks
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
        # The interpreter flushes stdout when it ends: /dev/null takes the rest of the buffer.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except Exception:  # noqa: BLE001 - the rim
        import traceback  # 2 ms, needed only for an internal error

        from docker_credential_gcr.helper.redaction import redact

        trace = redact(traceback.format_exc())  # its last line may repeat any value
        click.echo(f"{PROGRAM}: internal error\n{trace}", err=True, nl=False)
        return 1
    return status if isinstance(status, int) else 0


def _explain(error: click.ClickException) -> click.ClickException:
    """Returns the error; that of an extra argument names the option or the command that takes it.

    gcloud auth configure-docker takes registries as an argument.
    """
    extra = "Got unexpected extra argument"
    if not isinstance(error, click.UsageError) or error.ctx is None or not error.message.startswith(extra):
        return error
    command = error.ctx.command
    if any("--registries" in parameter.opts for parameter in command.params):
        return click.UsageError(f"{error.message}: name registries with --registries A,B", error.ctx)
    if command.name == "status":
        return click.UsageError(f"{error.message}: doctor takes the name of a registry", error.ctx)
    return error
