"""gcr-emulator key: creates, lists, disables and deletes service account keys."""

import base64
import json
from pathlib import Path
from urllib.parse import quote

import click

from docker_credential_gcr.emulator.cli import options
from docker_credential_gcr.emulator.cli.group import Group
from docker_credential_gcr.emulator.cli.listing import Document, json_option, print_list
from docker_credential_gcr.emulator.cli.options import say, with_server
from docker_credential_gcr.emulator.client.credential_files import MARK
from docker_credential_gcr.emulator.client.rest import Server, format_path
from docker_credential_gcr.emulator.client.server_url import format_token_url
from docker_credential_gcr.emulator.identity.principal import format_service_account
from docker_credential_gcr.emulator.identity.resource_names import format_email

from . import targets
from .output_file import check_output, write
from .targets import find_account

_key_id = click.argument("key_id", metavar="KEY")


@click.group(cls=Group)
def key() -> None:
    """Create, list, disable and delete service account keys."""


@key.command()
@targets.project
@click.option(
    "--account",
    type=options.parse_account,
    metavar="NAME",
    required=True,
    help="The service account, by name or address; created if it is absent.",
)
@options.project_roles
@click.option(
    "--output",
    type=click.Path(path_type=Path),
    required=True,
    help="The file to write, readable by you only; - is stdout.",
)
@click.option("--force", is_flag=True, help="Replace the file if there is one.")
@options.token_uri("The token endpoint that the key names; Google's is for gcr-emulator run.")
@with_server
def create(
    server: Server,
    project_id: str | None,
    account: str,
    roles: tuple[str, ...],
    output: Path,
    force: bool,
    token_uri: str,
) -> None:
    """Create a JSON key for a service account.

    \b
    gcr-emulator key create --account ci --role roles/editor --output key.json
    """
    check_output(output, force)
    account, project_id = find_account(server, account, project_id)
    email = format_email(account, project_id)
    server.create_account(project_id, account)
    if roles:
        server.grant(project_id, format_service_account(email), roles)
    document = json.loads(base64.b64decode(server.create_key(project_id, email)))
    if token_uri == "emulator":
        document["token_uri"] = format_token_url(server.url)
    else:
        document |= MARK
    write(output, json.dumps(document, indent=2) + "\n", f": key {document['private_key_id']} of {email}")


@key.command("list")
@targets.account
@targets.project
@json_option
@with_server
def list_keys(server: Server, account: str, project_id: str | None, as_json: bool) -> None:
    """List the user-managed keys of a service account."""
    path, email = _find_path(server, account, project_id)
    found = server.call("GET", f"{path}/keys?keyTypes=USER_MANAGED").get("keys", [])
    empty = f"{email} has no key: gcr-emulator key create --account {email} --output FILE"
    print_list("keys", found, ("KEY", "STATE", "EXPIRES"), _format_row, as_json=as_json, empty=empty)


def _format_row(found: Document) -> tuple[str, ...]:
    state = "DISABLED" if found.get("disabled") else "ENABLED"
    return found["name"].rpartition("/")[2], state, found["validBeforeTime"]


@key.command()
@_key_id
@targets.account
@targets.project
@with_server
def delete(server: Server, key_id: str, account: str, project_id: str | None) -> None:
    """Delete a key: the server refuses its signatures."""
    path, email = _find_path(server, account, project_id)
    server.call("DELETE", f"{path}/keys/{quote(key_id, safe='')}")
    say(f"deleted key {key_id} of {email}")


@key.command()
@_key_id
@targets.account
@targets.project
@with_server
def disable(server: Server, key_id: str, account: str, project_id: str | None) -> None:
    """Disable a key: the server refuses its signatures until the key is enabled."""
    path, email = _find_path(server, account, project_id)
    server.call("POST", f"{path}/keys/{quote(key_id, safe='')}:disable", {})
    say(f"disabled key {key_id} of {email}")


@key.command()
@_key_id
@targets.account
@targets.project
@with_server
def enable(server: Server, key_id: str, account: str, project_id: str | None) -> None:
    """Enable a key that was disabled."""
    path, email = _find_path(server, account, project_id)
    server.call("POST", f"{path}/keys/{quote(key_id, safe='')}:enable", {})
    say(f"enabled key {key_id} of {email}")


def _find_path(server: Server, account: str, project_id: str | None) -> tuple[str, str]:
    name, project_id = find_account(server, account, project_id)
    email = format_email(name, project_id)
    return format_path(project_id, email), email
