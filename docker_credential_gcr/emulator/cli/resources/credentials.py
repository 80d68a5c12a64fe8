"""gcr-emulator credentials: makes credentials of every kind that Google's clients take."""

import json
import os
from collections.abc import Callable
from pathlib import Path

import click

from docker_credential_gcr.emulator.cli import options
from docker_credential_gcr.emulator.cli.group import Group
from docker_credential_gcr.emulator.cli.options import say, with_server
from docker_credential_gcr.emulator.cli.server.env import format_environment
from docker_credential_gcr.emulator.client.rest import EmulatorError, Server
from docker_credential_gcr.emulator.identity.suggestions import is_account_email

from . import credential_files as documents
from . import targets
from .credential_files import GOOGLES, Document, find_endpoints
from .key import STDOUT, check_output, save, write
from .provision import (
    Wanted,
    make_federation,
    make_impersonation,
    make_key,
    make_login,
    note_node,
    prepare_account,
)
from .targets import find_account, find_project

_GCLOUD, _PERSONS = "gcloud", "authorized_user"
# Files whose token endpoint Node's library has built in.
_NODES = ("service_account", _PERSONS, "impersonated_service_account")


def _write_document(make: Callable[[Wanted], Document]) -> Callable[[Wanted], None]:
    return lambda wanted: write(wanted.output, json.dumps(make(wanted), indent=2) + "\n")


def _write_gcloud(wanted: Wanted) -> None:
    """A directory of gcloud's with one configuration: CLOUDSDK_CONFIG."""
    folder = wanted.output.absolute()
    key = folder / "key.json"
    try:
        for directory in (folder, folder / "configurations"):
            directory.mkdir(mode=0o700, exist_ok=True)
    except OSError as error:
        raise EmulatorError(f"{folder} cannot be made: {error.strerror}") from error
    environment = format_environment(wanted.server.url, wanted.server.ca)
    text = documents.format_gcloud_configuration(wanted.project_id, wanted.email, str(key), environment)
    save(key, json.dumps(make_key(wanted), indent=2) + "\n")
    save(folder / "configurations" / "config_default", text)
    save(folder / "active_config", "default")
    say(f"wrote {wanted.output}: export CLOUDSDK_CONFIG={folder}")


def _write_metadata(wanted: Wanted) -> None:
    """The server's machine, and the variables that lead to it."""
    if wanted.server.url.startswith("https:"):
        raise EmulatorError("metadata is asked for without TLS by every client: start a server without --tls")
    prepare_account(wanted)
    wanted.server.call("PUT", "/_emulator/metadata", {"account": wanted.email, "project": wanted.project_id})
    text = documents.format_metadata_environment(wanted.server.url)
    write(wanted.output, text, f": set -a; . {wanted.output.absolute()}; set +a")


_WRITERS: dict[str, Callable[[Wanted], None]] = {
    "service_account": _write_document(make_key),
    _PERSONS: _write_document(make_login),
    "external_account": _write_document(make_federation),
    "impersonated_service_account": _write_document(make_impersonation),
    _GCLOUD: _write_gcloud,
    "metadata": _write_metadata,
}


@click.group(cls=Group)
def credentials() -> None:
    """Make credentials of every kind that Google's clients take."""


@credentials.command()
@click.option(
    "--type",
    "kind",
    type=click.Choice(list(_WRITERS)),
    required=True,
    metavar="TYPE",
    help="service_account, authorized_user, external_account or impersonated_service_account: a file of that "
    "type; gcloud: its directory; metadata: the variables that lead to the metadata server.",
)
@targets.project
@click.option(
    "--account",
    type=options.parse_account_or_person,
    metavar="NAME",
    default="ci",
    show_default=True,
    help="The service account, by name or address, made if it is absent; for authorized_user a person.",
)
@options.project_roles
@click.option(
    "--output",
    type=click.Path(path_type=Path),
    required=True,
    help="The file, or gcloud's directory, for you alone; - is stdout.",
)
@click.option("--force", is_flag=True, help="Replace what is there.")
@click.option(
    "--subject-token-file",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="For external_account: keep the subject token here, for a day, and not at a URL.",
)
@options.token_uri("Whose endpoints it names; Google's are for gcr-emulator run.")
@with_server
def create(
    server: Server,
    kind: str,
    project_id: str | None,
    account: str,
    roles: tuple[str, ...],
    output: Path,
    force: bool,
    subject_token_file: Path | None,
    token_uri: str,
) -> None:
    """Make a credential, and whatever it needs.

    \b
    gcr-emulator credentials create --type external_account \\
      --role roles/editor --output adc.json
    """
    is_person = "@" in account and not is_account_email(account)
    if is_person and kind != _PERSONS:
        raise click.BadParameter(f"{account!r} is a person: {kind} needs a service account")
    if is_account_email(account) and kind == _PERSONS:
        raise click.BadParameter(f"{account!r} is a service account: {kind} needs a person")
    if subject_token_file is not None and kind != "external_account":
        raise click.UsageError("--subject-token-file is for external_account")
    _check_place(kind, output, force)
    if subject_token_file is not None:
        check_output(subject_token_file, force)
    endpoints = GOOGLES if token_uri == "google" else find_endpoints(server.url)
    if is_person:
        project_id = find_project(server, project_id)
    else:
        account, project_id = find_account(server, account, project_id)
    wanted = Wanted(server, project_id, account, roles, output, subject_token_file, endpoints)
    _WRITERS[kind](wanted)
    if kind in _NODES:
        note_node(wanted)


def _check_place(kind: str, output: Path, force: bool) -> None:
    if kind != _GCLOUD:
        check_output(output, force)
    elif output == STDOUT:
        raise EmulatorError("gcloud needs a directory: name one with --output")
    elif not force and os.path.lexists(output):
        raise EmulatorError(f"{output} exists: name another directory, or replace it with --force")
