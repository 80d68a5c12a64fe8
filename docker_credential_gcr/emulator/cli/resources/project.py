"""gcr-emulator project: creates, lists and deletes projects."""

import functools

import click

from docker_credential_gcr.commands.argument_checks import TEXT
from docker_credential_gcr.emulator.cli import options
from docker_credential_gcr.emulator.cli.group import Group
from docker_credential_gcr.emulator.cli.listing import Document, json_option, print_document, print_list
from docker_credential_gcr.emulator.cli.options import say, with_server
from docker_credential_gcr.emulator.client.rest import Server, expecting, format_path


@click.group(cls=Group)
def project() -> None:
    """Create, list and delete projects."""


_project_id = click.argument("project_id", metavar="ID", type=options.parse_project_id)


@project.command()
@_project_id
@click.option("--name", type=TEXT, default="", help="A name for people.")
@with_server
def create(server: Server, project_id: str, name: str) -> None:
    """Create the project ID."""
    with expecting("ALREADY_EXISTS", f"project {project_id} already exists"):
        server.create_project(project_id, name)
    say(f"created project {project_id}")


@project.command("list")
@json_option
@with_server
def list_projects(server: Server, as_json: bool) -> None:
    """List the projects with their state, ACTIVE or DELETE_REQUESTED."""
    empty = "there is no project: gcr-emulator project create ID"
    show = functools.partial(print_list, as_json=as_json, empty=empty)
    show("projects", server.list_projects(), ("PROJECT", "NUMBER", "STATE"), _format_row)


def _format_row(found: Document) -> tuple[str, ...]:
    return found["projectId"], found["projectNumber"], found["lifecycleState"]


@project.command()
@_project_id
@json_option
@with_server
def describe(server: Server, project_id: str, as_json: bool) -> None:
    """Describe the project ID."""
    print_document(server.call("GET", format_path(project_id)), as_json=as_json)


@project.command()
@_project_id
@with_server
def delete(server: Server, project_id: str) -> None:
    """Delete the project ID: nothing in it can be used until it is undeleted."""
    server.call("DELETE", format_path(project_id))
    say(f"deleted project {project_id}; to undo that: gcr-emulator project undelete {project_id}")


@project.command()
@_project_id
@with_server
def undelete(server: Server, project_id: str) -> None:
    """Undo the deletion of the project ID."""
    server.call("POST", f"{format_path(project_id)}:undelete", {})
    say(f"project {project_id} can be used again")
