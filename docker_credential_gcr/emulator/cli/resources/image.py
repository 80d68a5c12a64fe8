"""gcr-emulator image: lists, reads, tags and deletes images, without a container engine."""

import json
from collections.abc import Callable, Iterator
from datetime import datetime, timezone
from typing import Any, TypeVar

import click

from docker_credential_gcr.emulator.cli.group import Group
from docker_credential_gcr.emulator.cli.listing import (
    Document,
    format_size,
    json_option,
    print_document,
    print_list,
)
from docker_credential_gcr.emulator.cli.options import say, with_server
from docker_credential_gcr.emulator.client.registry import (
    Image,
    InvalidImage,
    Registry,
    format_image,
    parse_image,
)
from docker_credential_gcr.emulator.client.rest import EmulatorError, Server
from docker_credential_gcr.emulator.sites.hosts import DEFAULT_SITE, REGISTRIES
from docker_credential_gcr.emulator.sites.locations import LOCATIONS

from .repository import find_repositories

F = TypeVar("F", bound=Callable[..., Any])
# As docker shortens a digest.
_SHORT = 12


@click.group(cls=Group)
def image() -> None:
    """List, read, tag and delete images."""


_image = click.argument("text", metavar="IMAGE")


@image.command("list")
@click.argument("text", metavar="[NAME]", required=False)
@json_option
@with_server
def list_images(server: Server, text: str | None, as_json: bool) -> None:
    """List the images of a repository, of all repositories below a name, or of the whole emulator.

    \b
    gcr-emulator image list
    gcr-emulator image list my-project
    gcr-emulator image list localhost:5000/us-docker.pkg.dev/my-project/images/app
    """
    registry = Registry(server)
    names = _list_names(server) if text is None else [_parse(server, text).name]
    found = [
        _describe(server, *listed)
        for name in names
        for listed in sorted(registry.list_images(name), key=lambda listed: listed[0])
    ]
    header = ("IMAGE", "TAGS", "DIGEST", "SIZE", "PUSHED")
    empty = f"there is no image: docker push {format_image('PROJECT/IMAGE:TAG', server.url)}"
    print_list("images", found, header, _format_row, as_json=as_json, empty=empty)


def _list_names(server: Server) -> Iterator[str]:
    """Yields the names below which all images are: each project at each host, and each repository."""
    for project in server.list_projects():
        if project["lifecycleState"] == "ACTIVE":
            path = project["projectId"].replace(":", "/")
            for host in REGISTRIES:
                yield path if host == DEFAULT_SITE.host else f"{host}/{path}"
            for repository in find_repositories(server, project["projectId"], LOCATIONS):
                yield repository["registryUri"]


def _describe(server: Server, name: str, digest: str, entry: Document) -> dict[str, Any]:
    """Returns the entry of a manifest in a list, with the members of Artifact Registry's API."""
    pushed = datetime.fromtimestamp(int(entry["timeUploadedMs"]) / 1000, timezone.utc)
    return {
        "uri": f"{format_image(name, server.url)}@{digest}",
        "tags": entry["tag"],
        "mediaType": entry["mediaType"],
        "imageSizeBytes": entry["imageSizeBytes"],
        "uploadTime": pushed.strftime("%Y-%m-%dT%H:%M:%SZ"),
    }


def _format_row(found: Document) -> tuple[str, ...]:
    name, _, digest = found["uri"].partition("@")
    short, day = digest.partition(":")[2][:_SHORT], found["uploadTime"].partition("T")[0]
    return name, ",".join(found["tags"]) or "-", short, format_size(int(found["imageSizeBytes"])), day


@image.command()
@_image
@json_option
@with_server
def describe(server: Server, text: str, as_json: bool) -> None:
    """Describe IMAGE: its digest, tags and size, and its parts."""
    registry, wanted = Registry(server), _parse(server, text, "latest")
    data, _, digest = registry.get_manifest(wanted)
    manifest = json.loads(data)
    parts = {name: manifest[name] for name in ("config", "layers", "manifests") if name in manifest}
    for name, found, entry in registry.list_images(wanted.name):
        if (name, found) == (wanted.name, digest):
            print_document({**_describe(server, name, digest, entry), **parts}, as_json=as_json)


@image.command()
@_image
@with_server
def digest(server: Server, text: str) -> None:
    """Print the digest of IMAGE."""
    click.echo(Registry(server).get_manifest(_parse(server, text, "latest"))[2])


@image.command()
@_image
@with_server
def manifest(server: Server, text: str) -> None:
    """Print the manifest or index of IMAGE, byte for byte."""
    click.echo(Registry(server).get_manifest(_parse(server, text, "latest"))[0], nl=False)


@image.command()
@_image
@click.argument("tags", metavar="TAG...", nargs=-1, required=True)
@with_server
def tag(server: Server, text: str, tags: tuple[str, ...]) -> None:
    """Add tags to IMAGE.

    \b
    gcr-emulator image tag localhost:5000/my-project/app:v1 latest
    """
    registry, wanted = Registry(server), _parse(server, text, "latest")
    data, media_type, found = registry.get_manifest(wanted)
    for name in tags:
        registry.put_manifest(Image(wanted.name, name), data, media_type)
        say(f"{format_image(wanted.name, server.url)}:{name} is {found}")


@image.command()
@_image
@with_server
def untag(server: Server, text: str) -> None:
    """Remove the tag of IMAGE, NAME:TAG, and keep the image."""
    wanted = _parse(server, text)
    if wanted.reference is None or ":" in wanted.reference:
        raise click.BadParameter(f"{text!r} names no tag: write NAME:TAG", param_hint="'IMAGE'")
    Registry(server).delete_manifest(wanted)
    say(f"removed the tag {wanted.reference} of {wanted.name}")


@image.command()
@_image
@click.option("--force", is_flag=True, help="Also delete its other tags.")
@with_server
def delete(server: Server, text: str, force: bool) -> None:
    """Delete IMAGE, NAME:TAG or NAME@DIGEST, with that tag.

    An image with other tags is deleted only with --force.
    """
    registry, wanted = Registry(server), _parse(server, text)
    if wanted.reference is None:
        raise click.BadParameter(f"{text!r} names neither a tag nor a digest", param_hint="'IMAGE'")
    data, media_type, found = registry.get_manifest(wanted)
    tags = [
        name
        for repository, listed, entry in registry.list_images(wanted.name)
        if (repository, listed) == (wanted.name, found)
        for name in entry["tag"]
    ]
    others = ", ".join(name for name in tags if name != wanted.reference)
    if others and not force:
        raise EmulatorError(
            f"{found} also has the tags {others}: remove them with gcr-emulator image untag, or add --force"
        )
    for name in tags:
        registry.delete_manifest(Image(wanted.name, name))
    try:
        registry.delete_manifest(Image(wanted.name, found))
    except EmulatorError:
        # An index or a referrer still names it: restore its tags.
        for name in tags:
            registry.put_manifest(Image(wanted.name, name), data, media_type)
        raise
    say(f"deleted {wanted.name}@{found}" + (f" and its tags: {', '.join(tags)}" if tags else ""))


def _parse(server: Server, text: str, default: str | None = None) -> Image:
    try:
        parsed = parse_image(text, server.url)
    except InvalidImage as error:
        raise click.BadParameter(str(error), param_hint="'IMAGE'") from error
    return parsed if parsed.reference else Image(parsed.name, default)
