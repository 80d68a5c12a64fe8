"""gcr-emulator project: creates, changes, lists and deletes projects."""

import functools

import click

from docker_credential_gcr.commands.argument_checks import TEXT
from docker_credential_gcr.emulator.cli import options
from docker_credential_gcr.emulator.cli.group import Group
from docker_credential_gcr.emulator.cli.listing import Document, json_option, print_document, print_list
from docker_credential_gcr.emulator.cli.options import say, with_server
from docker_credential_gcr.emulator.client.rest import Server, expecting, format_control_path, format_path
from docker_credential_gcr.emulator.identity.redirection import KINDS


@click.group(cls=Group)
def project() -> None:
    """Create, change, list and delete projects."""


# The three kinds are described in docs/transition.md.
_KIND = click.Choice(KINDS)
_MEANING = "What serves the project's gcr.io names"
_project_id = click.argument("project_id", metavar="ID", type=options.parse_project_id)


@project.command()
@_project_id
@click.option("--name", type=TEXT, default="", help="A name for people.")
@click.option("--registry", type=_KIND, help=f"{_MEANING}, if not that of serve --registry.")
@with_server
def create(server: Server, project_id: str, name: str, registry: str | None) -> None:
    """Create the project ID."""
    with expecting("ALREADY_EXISTS", f"project {project_id} already exists"):
        server.create_project(project_id, name)
    if registry is not None:
        server.change_registry(project_id, registry)
    say(f"created project {project_id}")


@project.command()
@_project_id
@click.option("--registry", type=_KIND, required=True, help=f"{_MEANING}.")
@with_server
def update(server: Server, project_id: str, registry: str) -> None:
    """Change what serves the gcr.io names of the project ID; its images stay where they are.

    A redirection that was set by gcloud or the API ends.
    """
    server.change_registry(project_id, registry)
    say(f"gcr.io names of project {project_id}: {registry}")


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
    """Describe the project ID, with what serves its gcr.io names."""
    found = server.call("GET", format_path(project_id))
    # Only the operator may ask for the kind.
    with expecting("PERMISSION_DENIED"):
        found |= server.call("GET", format_control_path(found["projectId"]))
    print_document(found, as_json=as_json)


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
