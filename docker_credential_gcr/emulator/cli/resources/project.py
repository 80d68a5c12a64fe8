"""gcr-emulator project: makes, lists and deletes projects."""

import functools

import click

from docker_credential_gcr.commands.given_words import TEXT
from docker_credential_gcr.emulator.cli import options
from docker_credential_gcr.emulator.cli.group import Group
from docker_credential_gcr.emulator.cli.listing import Document, json_option, print_document, print_list
from docker_credential_gcr.emulator.cli.options import say, with_server
from docker_credential_gcr.emulator.client.rest import Server, expecting, format_path


@click.group(cls=Group)
def project() -> None:
    """Make, list and delete projects."""


_project_id = click.argument("project_id", metavar="ID", type=options.parse_project_id)


@project.command()
@_project_id
@click.option("--name", type=TEXT, default="", help="A name for people.")
@with_server
def create(server: Server, project_id: str, name: str) -> None:
    """Make the project ID."""
    with expecting("ALREADY_EXISTS", f"project {project_id} exists already"):
        server.create_project(project_id, name)
    say(f"made project {project_id}")


@project.command("list")
@json_option
@with_server
def list_projects(server: Server, as_json: bool) -> None:
    """Print the projects, and whether each is ACTIVE or DELETE_REQUESTED."""
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
    """Print what is known of the project ID."""
    print_document(server.call("GET", format_path(project_id)), as_json=as_json)


@project.command()
@_project_id
@with_server
def delete(server: Server, project_id: str) -> None:
    """Delete the project ID: nothing in it can be used until it is undeleted."""
    server.call("DELETE", format_path(project_id))
    say(f"deleted project {project_id}; to take that back: gcr-emulator project undelete {project_id}")


@project.command()
@_project_id
@with_server
def undelete(server: Server, project_id: str) -> None:
    """Take the deletion of the project ID back."""
    server.call("POST", f"{format_path(project_id)}:undelete", {})
    say(f"project {project_id} can be used again")
