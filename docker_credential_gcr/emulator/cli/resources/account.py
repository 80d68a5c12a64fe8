"""gcr-emulator account: creates, lists and deletes service accounts."""

import click

from docker_credential_gcr.commands.argument_checks import TEXT
from docker_credential_gcr.emulator.cli import options
from docker_credential_gcr.emulator.cli.group import Group
from docker_credential_gcr.emulator.cli.listing import Document, json_option, print_list
from docker_credential_gcr.emulator.cli.options import say, with_server
from docker_credential_gcr.emulator.client.rest import Server, expecting, format_path
from docker_credential_gcr.emulator.identity.resource_names import format_email

from . import targets
from .targets import find_account, find_project


@click.group(cls=Group)
def account() -> None:
    """Create, list and delete service accounts."""


_name = click.argument("name", metavar="NAME", type=options.parse_account)


@account.command()
@_name
@targets.project
@click.option("--display-name", type=TEXT, default="", help="A name for people.")
@with_server
def create(server: Server, name: str, project_id: str | None, display_name: str) -> None:
    """Create the service account NAME: a name such as ci, or a whole address."""
    name, project_id = find_account(server, name, project_id)
    email = format_email(name, project_id)
    document = {"accountId": name, "serviceAccount": {"displayName": display_name}}
    with expecting("ALREADY_EXISTS", f"account {email} already exists"):
        server.call("POST", f"{format_path(project_id)}/serviceAccounts", document)
    say(f"created account {email}; for a key: gcr-emulator key create --account {email} --output FILE")


@account.command("list")
@targets.project
@json_option
@with_server
def list_accounts(server: Server, project_id: str | None, as_json: bool) -> None:
    """List the service accounts of a project."""
    project_id = find_project(server, project_id)
    found = server.list_all(f"{format_path(project_id)}/serviceAccounts", "accounts")
    empty = f"{project_id} has no service account: gcr-emulator account create NAME --project {project_id}"
    print_list("accounts", found, ("ACCOUNT", "STATE", "NAME"), _format_row, as_json=as_json, empty=empty)


def _format_row(found: Document) -> tuple[str, ...]:
    state = "DISABLED" if found.get("disabled") else "ENABLED"
    return found["email"], state, found.get("displayName") or "-"


@account.command()
@_name
@targets.project
@with_server
def delete(server: Server, name: str, project_id: str | None) -> None:
    """Delete the service account NAME with its keys and roles."""
    name, project_id = find_account(server, name, project_id)
    email = format_email(name, project_id)
    server.call("DELETE", format_path(project_id, email))
    say(f"deleted account {email} and its keys")
