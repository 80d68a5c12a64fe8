"""gcr-emulator key: makes service account keys."""

import base64
import json
import os
import stat
from pathlib import Path

import click

from . import commands_options as options
from .client import EmulatorError, Server, format_registry
from .commands_options import say, with_server
from .file_access import find_status
from .identity.names import format_email
from .identity.policy import Policy, grant
from .identity.principal import format_service_account
from .private_file import is_stream, replace_file

STDOUT = Path("-")


@click.group()
def key() -> None:
    """Make service account keys."""


@key.command()
@click.option(
    "--project",
    "project_id",
    type=options.parse_project_id,
    metavar="ID",
    required=True,
    help="The account's project.",
)
@click.option(
    "--account",
    type=options.parse_account,
    metavar="NAME",
    required=True,
    help="The service account; made if it is absent.",
)
@options.project_roles
@click.option(
    "--output",
    type=click.Path(path_type=Path),
    required=True,
    help="The file to write, readable by you alone; - is stdout.",
)
@click.option("--force", is_flag=True, help="Replace the file if there is one.")
@options.token_uri("Whose token endpoint the key names.")
@with_server
def create(
    server: Server,
    project_id: str,
    account: str,
    roles: tuple[str, ...],
    output: Path,
    force: bool,
    token_uri: str,
) -> None:
    """Make a JSON key for a service account.

    \b
    gcr-emulator key create --project my-project --account ci --role roles/editor --output key.json
    """
    check_output(output, force)
    email = format_email(account, project_id)
    member = format_service_account(email)

    def grant_roles(policy: Policy) -> Policy:
        for role in roles:
            policy = grant(policy, role, member)
        return policy

    server.create_account(project_id, account)
    if roles:
        server.change_policy(project_id, grant_roles)
    document = json.loads(base64.b64decode(server.create_key(project_id, email)))
    if token_uri == "emulator":
        document["token_uri"] = format_token_url(server.url)
    text = json.dumps(document, indent=2) + "\n"
    if output == STDOUT:
        click.echo(text, nl=False)
    else:
        save(output, text)
        say(f"wrote {output}: key {document['private_key_id']} of {email}")


def format_token_url(url: str) -> str:
    """The token endpoint of the server, which a key names for Google's clients."""
    return f"{url.partition('://')[0]}://{format_registry(url)}/token"


def check_output(output: Path, force: bool) -> None:
    """Complain before anything is made that could not be kept. Raises EmulatorError."""
    if output == STDOUT or is_stream(output):
        return
    found, folder = find_status(output), find_status(output.parent)
    if (found and stat.S_ISDIR(found.st_mode)) or not (folder and stat.S_ISDIR(folder.st_mode)):
        raise EmulatorError(
            f"{output} cannot be written: it needs the name of a file in a directory that is there"
        )
    if not force and os.path.lexists(output):
        raise EmulatorError(f"{output} exists: name another file, or replace it with --force")


def save(path: Path, text: str) -> None:
    """Write a file for its owner alone. Raises EmulatorError."""
    try:
        replace_file(path, text.encode("ascii"))
    except OSError as error:
        raise EmulatorError(f"{path} cannot be written: {error.strerror}") from error
