"""gcr-emulator version: prints the version."""

import click

from docker_credential_gcr import __version__


@click.command()
def version() -> None:
    """Print the version; also --version."""
    click.echo(f"gcr-emulator, version {__version__}")
