"""gcr-emulator repository: creates, lists and deletes repositories of Artifact Registry."""

from urllib.parse import quote

import click

from docker_credential_gcr.commands.argument_checks import TEXT
from docker_credential_gcr.emulator.cli import options
from docker_credential_gcr.emulator.cli.group import Group
from docker_credential_gcr.emulator.cli.listing import Document, json_option, print_document, print_list
from docker_credential_gcr.emulator.cli.options import say, with_server
from docker_credential_gcr.emulator.client.registry import format_image
from docker_credential_gcr.emulator.client.rest import Server, expecting, format_path
from docker_credential_gcr.emulator.sites.locations import LOCATIONS

from . import targets
from .targets import find_project


@click.group(cls=Group)
def repository() -> None:
    """Create, list and delete repositories of Artifact Registry."""


_repository_id = click.argument("repository_id", metavar="NAME")
_location = click.option(
    "--location",
    type=options.parse_location,
    metavar="LOCATION",
    default="us",
    show_default=True,
    help="The location, such as us, europe or us-central1: the images are at LOCATION-docker.pkg.dev.",
)


@repository.command()
@_repository_id
@_location
@targets.project
@click.option("--description", type=TEXT, default="", help="What it is for.")
@click.option("--immutable-tags", is_flag=True, help="Refuse to move or delete a tag.")
@with_server
def create(
    server: Server,
    repository_id: str,
    location: str,
    project_id: str | None,
    description: str,
    immutable_tags: bool,
) -> None:
    """Create the repository NAME for images.

    \b
    gcr-emulator repository create images --location us
    docker push localhost:5000/us-docker.pkg.dev/my-project/images/app:v1
    """
    path = _format_path(find_project(server, project_id), location)
    document = {
        "format": "DOCKER",
        "description": description,
        "dockerConfig": {"immutableTags": immutable_tags},
    }
    with expecting("ALREADY_EXISTS", f"repository {repository_id} already exists in {location}"):
        created = server.call("POST", f"{path}?repositoryId={quote(repository_id, safe='')}", document)
    uri = created["response"]["registryUri"]
    say(f"created {uri}; its images are {format_image(uri, server.url)}/IMAGE:TAG")


@repository.command("list")
@click.option(
    "--location",
    type=options.parse_location,
    metavar="LOCATION",
    help="List one location only.",
)
@targets.project
@json_option
@with_server
def list_repositories(server: Server, location: str | None, project_id: str | None, as_json: bool) -> None:
    """List the repositories of a project."""
    project_id = find_project(server, project_id)
    found = find_repositories(server, project_id, LOCATIONS if location is None else (location,))
    empty = f"{project_id} has no repository there: gcr-emulator repository create NAME --location LOCATION"
    header = ("REPOSITORY", "TAGS", "DESCRIPTION")
    print_list("repositories", found, header, _format_row, as_json=as_json, empty=empty)


def find_repositories(server: Server, project_id: str, locations: tuple[str, ...]) -> list[Document]:
    """Returns the project's repositories in those locations."""
    return [
        found
        for location in locations
        for found in server.list_all(_format_path(project_id, location), "repositories")
    ]


def _format_row(found: Document) -> tuple[str, ...]:
    immutable = found.get("dockerConfig", {}).get("immutableTags", False)
    return found["registryUri"], "immutable" if immutable else "mutable", found.get("description", "-")


@repository.command()
@_repository_id
@_location
@targets.project
@json_option
@with_server
def describe(
    server: Server, repository_id: str, location: str, project_id: str | None, as_json: bool
) -> None:
    """Describe the repository NAME, with the size of its images."""
    project_id = find_project(server, project_id)
    print_document(_call(server, "GET", project_id, location, repository_id), as_json=as_json)


@repository.command()
@_repository_id
@_location
@targets.project
@with_server
def delete(server: Server, repository_id: str, location: str, project_id: str | None) -> None:
    """Delete the repository NAME and all images in it."""
    project_id = find_project(server, project_id)
    _call(server, "DELETE", project_id, location, repository_id)
    say(f"deleted repository {repository_id} of {project_id} in {location}, and all images in it")


def _call(server: Server, method: str, project_id: str, location: str, repository_id: str) -> Document:
    absent = f"{project_id} has no repository {repository_id} in {location}: gcr-emulator repository list"
    with expecting("NOT_FOUND", absent):
        return server.call(method, f"{_format_path(project_id, location)}/{quote(repository_id, safe='')}")


def _format_path(project_id: str, location: str) -> str:
    return f"{format_path(project_id)}/locations/{location}/repositories"
