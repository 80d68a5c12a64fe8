"""The commands for people: what Docker does not ask for."""

import copy
import os
import sys
import traceback

import click

from docker_credential_gcr.cli import given_values, spelling, verbs
from docker_credential_gcr.cli.clear import clear
from docker_credential_gcr.cli.completion import completion
from docker_credential_gcr.cli.config import config
from docker_credential_gcr.cli.configure_docker import configure_docker
from docker_credential_gcr.cli.doctor import doctor
from docker_credential_gcr.cli.login import login
from docker_credential_gcr.cli.logout import logout
from docker_credential_gcr.cli.man import man
from docker_credential_gcr.cli.print_token import print_token
from docker_credential_gcr.cli.status import status
from docker_credential_gcr.cli.unconfigure_docker import unconfigure_docker
from docker_credential_gcr.cli.write_auth import write_auth
from docker_credential_gcr.errors import Error
from docker_credential_gcr.helper import PROGRAM, protocol
from docker_credential_gcr.helper.redaction import redact

INTERRUPTED = 130

EPILOG = f"""\b
Examples:
  {PROGRAM} configure-docker
  {PROGRAM} configure-docker --registries us-docker.pkg.dev
  {PROGRAM} login
  {PROGRAM} doctor us-docker.pkg.dev/my-project/images/app
  echo us-docker.pkg.dev | {PROGRAM} get
"""


class Program(click.Group):
    """The commands for people, and Docker's verbs in a section of their own; a wrong name gets a guess."""

    def parse_args(self, context: click.Context, args: list[str]) -> list[str]:
        """Returns the words after the program's own options. Raises UsageError for a secret among these."""
        given_values.check_words(context, args)
        return super().parse_args(context, args)

    def format_commands(self, _context: click.Context, formatter: click.HelpFormatter) -> None:
        """Both sections of the help."""
        sections = {"Commands": COMMANDS, "Docker's verbs, which read stdin and write stdout": verbs.COMMANDS}
        for title, commands in sections.items():
            with formatter.section(title):
                formatter.write_dl([(command.name or "", command.short_help or "") for command in commands])

    def resolve_command(
        self, context: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """The command of a name. Raises UsageError with the name that was likely meant.

        Raises it also for a value that looks like a secret, without repeating the value.
        """
        try:
            name, command, rest = super().resolve_command(context, args)
        except click.UsageError:
            raise click.UsageError(spelling.format_unknown(args[0], self.commands), context) from None
        if command and not context.resilient_parsing:
            given_values.check_command(command, context, rest)
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


COMMANDS = (
    clear,
    completion,
    config,
    configure_docker,
    doctor,
    login,
    logout,
    man,
    print_token,
    status,
    unconfigure_docker,
    write_auth,
)
ALIASES = {"gcr-login": login, "gcr-logout": logout}  # what Google's helper calls them


def _make_alias(name: str, command: click.Command) -> click.Command:
    alias = copy.copy(command)
    alias.name, alias.hidden = name, True
    return alias


for command in (*COMMANDS, *verbs.COMMANDS, *(_make_alias(*pair) for pair in ALIASES.items())):
    cli.add_command(command)


def run(arguments: list[str]) -> int:
    """Run one command; its exit status: 0 done, 1 failed, 2 usage, 3 a login is needed, 130 interrupted."""
    try:
        status = cli.main(spelling.translate(arguments), prog_name=PROGRAM, standalone_mode=False)
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
    text = spelling.explain_extra(error.message, command.name, options)
    return error if text == error.message else click.UsageError(text, error.ctx)
