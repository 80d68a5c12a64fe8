"""gcr-emulator project: makes and lists projects."""

import click

from . import commands_options as options
from .client import EmulatorError, Refused, Server
from .commands_options import say, with_server


@click.group()
def project() -> None:
    """Make and list projects."""


@project.command()
@click.argument("project_id", metavar="ID", type=options.parse_project_id)
@click.option("--name", default="", help="A name for people.")
@with_server
def create(server: Server, project_id: str, name: str) -> None:
    """Make the project ID."""
    try:
        server.create_project(project_id, name)
    except Refused as refusal:
        if refusal.status != "ALREADY_EXISTS":
            raise
        raise EmulatorError(f"project {project_id} exists already") from refusal
    say(f"made project {project_id}")


@project.command("list")
@with_server
def list_projects(server: Server) -> None:
    """Print the IDs of the projects, one a line."""
    for project_id in server.list_projects():
        click.echo(project_id)
