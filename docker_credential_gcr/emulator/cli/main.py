"""Entry point of gcr-emulator: turns errors into a line on stderr and an exit code."""

import os
import sys
import traceback
from collections.abc import Sequence
from importlib import import_module

import click

from docker_credential_gcr import __version__
from docker_credential_gcr.emulator.client.connection_fault import EmulatorError
from docker_credential_gcr.emulator.extra import explain_missing
from docker_credential_gcr.emulator.runtime.files import format_os_error

from .group import MAX_COLUMNS, Group, LazyCommands

COMPLETION_VARIABLE = "_GCR_EMULATOR_COMPLETE"  # click's name
DONE, FAILED, USAGE, INTERRUPTED = 0, 1, 2, 130

# The line of each command in the help.
COMMANDS = {
    "account": "Create, list and delete service accounts.",
    "completion": "Print the completion script for a shell.",
    "credentials": "Create credentials of every kind that Google's clients read.",
    "env": "Print the variables that lead Google's clients to the emulator.",
    "events": "Print what happened to images: tags and digests that came and went.",
    "fsck": "Check that the database and the blobs agree, and that each blob has its digest.",
    "gc": "Remove garbage: blobs, uploads and files that no manifest needs.",
    "hosts": "Print the lines of a hosts file that lead Google's names to the emulator.",
    "iam": "Grant roles on projects, revoke and list them.",
    "image": "List, read, tag and delete images.",
    "key": "Create, list, disable and delete service account keys.",
    "man": "Print the manual page of the program or of a COMMAND, or write all pages.",
    "migrate": "Bring a PostgreSQL database to the schema of this version, while servers use it.",
    "move": "Copy a data directory to a PostgreSQL database and an object store.",
    "project": "Create, change, list and delete projects.",
    "rebuild": "Create a new database from the readable part of the old one, and from the blobs.",
    "repository": "Create, list and delete repositories of Artifact Registry.",
    "run": "Run COMMAND where Google's hosts are an emulator, without any other network.",
    "serve": "Run the emulator until it is stopped.",
    "trust": "Make programs of this machine trust the emulator's certificate authority.",
    "version": "Print the version; also --version.",
    "webhook": "Tell a URL what happens to images, and see what became of each delivery.",
}

# The modules of the commands in a folder; each is imported when its command is used.
FOLDERS = {
    "maintenance": ("fsck", "gc", "migrate", "move", "rebuild"),
    "resources": (
        "account",
        "credentials",
        "events",
        "iam",
        "image",
        "key",
        "project",
        "repository",
        "webhook",
    ),
    "server": ("env", "hosts", "run", "serve", "trust"),
}
MODULES = {name: f"{__package__}.{name}" for name in COMMANDS} | {
    name: f"{__package__}.{folder}.{name}" for folder, names in FOLDERS.items() for name in names
}


class Program(Group):
    """The root group, which prints its help without importing any command."""

    def format_commands(self, _context: click.Context, formatter: click.HelpFormatter) -> None:
        """Writes the line of each command."""
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.group(
    cls=Program,
    commands=LazyCommands(MODULES),
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": MAX_COLUMNS},
)
@click.version_option(__version__, prog_name="gcr-emulator")
def cli() -> None:
    """Run Artifact Registry and Container Registry on this machine.

    \b
    gcr-emulator serve --project my-project
    gcr-emulator repository create images --location us
    gcr-emulator key create --account ci --role roles/editor --output key.json
    docker login -u _json_key --password-stdin localhost:5000 < key.json
    """


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs a command and returns its exit code: 0 done, 1 failed, 2 usage, 130 interrupted."""
    if COMPLETION_VARIABLE in os.environ:
        # 4 ms; this module teaches click the completion of PowerShell
        import_module("docker_credential_gcr.commands.completion_script")

    try:
        # Click returns the exit code of --help and of Context.exit, and None from a command.
        return cli.main(arguments, prog_name="gcr-emulator", standalone_mode=False) or DONE
    except click.UsageError as error:
        _name_source(error)
        error.show()
        return USAGE
    except (click.Abort, KeyboardInterrupt):
        return INTERRUPTED
    except click.ClickException as error:
        return _fail(error.format_message())
    except EmulatorError as error:
        return _fail(str(error))
    except BrokenPipeError:
        # The reader of stdout, such as head(1), has closed it: without this Python reports it again at exit.
        # https://docs.python.org/3/library/signal.html#note-on-sigpipe
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED
    except OSError as error:
        return _fail(format_os_error(error))
    except Exception as error:  # noqa: BLE001 - an internal error
        if (missing := explain_missing(error)) is not None:
            return _fail(missing)
        traceback.print_exc()
        return _fail(f"internal error: {type(error).__name__}")


def _name_source(error: click.UsageError) -> None:
    """Adds the variable to the message about a bad value that came from it."""
    if not isinstance(error, click.BadParameter) or isinstance(error, click.MissingParameter):
        return
    option, context = error.param, error.ctx
    if error.param_hint is not None or context is None or not isinstance(option, click.Option):
        return
    error.param_hint = click.Parameter.get_error_hint(option, context)
    if context.get_parameter_source(option.name or "") is click.core.ParameterSource.ENVIRONMENT:
        error.param_hint += f" (env var: {option.envvar!r})"


def _fail(message: str) -> int:
    click.echo(f"gcr-emulator: {message}", err=True)
    return FAILED


if __name__ == "__main__":
    sys.exit(main())
