"""The command `man`: print or write the manual pages."""

import os

import click

from docker_credential_gcr import files
from docker_credential_gcr.commands.argument_checks import format_unknown_command
from docker_credential_gcr.commands.manual import format_pages
from docker_credential_gcr.errors import ConfigError
from docker_credential_gcr.helper import PROGRAM

EXIT_STATUS = "0 done, 1 failed, 2 usage, 3 a login is required, 130 interrupted"


@click.command
@click.argument("command", required=False)
@click.option("--output", metavar="DIR", help="Write all pages into this directory.")
@click.pass_context
def man(context: click.Context, command: str | None, output: str | None) -> None:
    """Print the manual page of the program or of a COMMAND, or write all pages.

    \b
    Examples:
      docker-credential-gcr man doctor | man -l -
      docker-credential-gcr man --output ~/.local/share/man/man1
    """
    pages = dict(format_pages(context.find_root(), EXIT_STATUS))
    if output is None:
        name = f"{PROGRAM}-{command}" if command else PROGRAM
        if name not in pages:
            known = [page.removeprefix(f"{PROGRAM}-") for page in pages if page != PROGRAM]
            raise click.UsageError(format_unknown_command(str(command), known))
        click.echo(pages[name], nl=False)
        return
    try:
        os.makedirs(output, exist_ok=True)
        for name, page in pages.items():
            files.write_file(os.path.join(output, f"{name}.1"), page.encode(), mode=0o644)
    except OSError as error:
        raise ConfigError(*files.explain_write(output, error)) from error
    click.echo(f"{output}: {len(pages)} pages", err=True)
