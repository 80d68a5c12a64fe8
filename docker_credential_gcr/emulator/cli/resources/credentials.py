"""gcr-emulator credentials: creates credentials of every kind that Google's clients read."""

import json
import os
from collections.abc import Callable
from pathlib import Path

import click

from docker_credential_gcr.emulator.cli import options
from docker_credential_gcr.emulator.cli.group import Group
from docker_credential_gcr.emulator.cli.options import say, with_server
from docker_credential_gcr.emulator.client import credential_files as documents
from docker_credential_gcr.emulator.client.credential_files import GOOGLE_ENDPOINTS, Document, find_endpoints
from docker_credential_gcr.emulator.client.environment import format_environment, format_metadata_environment
from docker_credential_gcr.emulator.client.rest import EmulatorError, Server
from docker_credential_gcr.emulator.identity.suggestions import is_account_email

from . import targets
from .output_file import STDOUT, check_output, save, write
from .provision import (
    CredentialRequest,
    create_account,
    create_federation,
    create_impersonation,
    create_key,
    create_login,
    warn_node,
)
from .targets import find_account, find_project

_GCLOUD, _LOGIN = "gcloud", "authorized_user"
# Types for which Node's library uses a fixed token endpoint.
_FIXED_IN_NODE = ("service_account", _LOGIN, "impersonated_service_account")


def _write_document(create: Callable[[CredentialRequest], Document]) -> Callable[[CredentialRequest], None]:
    return lambda request: write(request.output, json.dumps(create(request), indent=2) + "\n")


def _write_gcloud(request: CredentialRequest) -> None:
    """Writes a gcloud directory with one configuration, for CLOUDSDK_CONFIG."""
    folder = request.output.absolute()
    key = folder / "key.json"
    try:
        for directory in (folder, folder / "configurations"):
            directory.mkdir(mode=0o700, exist_ok=True)
    except OSError as error:
        raise EmulatorError(f"{folder} cannot be created: {error.strerror}") from error
    environment = format_environment(request.server.url, request.server.ca)
    text = documents.format_gcloud_configuration(request.project_id, request.email, str(key), environment)
    save(key, json.dumps(create_key(request), indent=2) + "\n")
    save(folder / "configurations" / "config_default", text)
    save(folder / "active_config", "default")
    say(f"wrote {request.output}: export CLOUDSDK_CONFIG={folder}")


def _write_metadata(request: CredentialRequest) -> None:
    """Sets the instance of the metadata server, and writes the variables that lead to it."""
    if request.server.url.startswith("https:"):
        raise EmulatorError("no client speaks TLS to a metadata server: start a server without --tls")
    create_account(request)
    instance = {"account": request.email, "project": request.project_id}
    request.server.call("PUT", "/_emulator/metadata", instance)
    text = format_metadata_environment(request.server.url)
    write(request.output, text, f": set -a; . {request.output.absolute()}; set +a")


_WRITERS: dict[str, Callable[[CredentialRequest], None]] = {
    "service_account": _write_document(create_key),
    _LOGIN: _write_document(create_login),
    "external_account": _write_document(create_federation),
    "impersonated_service_account": _write_document(create_impersonation),
    _GCLOUD: _write_gcloud,
    "metadata": _write_metadata,
}


@click.group(cls=Group)
def credentials() -> None:
    """Create credentials of every kind that Google's clients read."""


@credentials.command()
@click.option(
    "--type",
    "kind",
    type=click.Choice(list(_WRITERS)),
    required=True,
    metavar="TYPE",
    help="service_account, authorized_user, external_account or impersonated_service_account: a file of that "
    "type; gcloud: a directory for it; metadata: the variables that lead to the metadata server.",
)
@targets.project
@click.option(
    "--account",
    type=options.parse_account_or_person,
    metavar="NAME",
    default="ci",
    show_default=True,
    help="The service account, by name or address, created if it is absent; for authorized_user a person.",
)
@options.project_roles
@click.option(
    "--output",
    type=click.Path(path_type=Path),
    required=True,
    help="The file, or the directory for gcloud, readable by you only; - is stdout.",
)
@click.option("--force", is_flag=True, help="Replace what is there.")
@click.option(
    "--subject-token-file",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="For external_account: write the subject token here, good for a day, instead of naming a URL.",
)
@options.token_uri("The endpoints that it names; Google's are for gcr-emulator run.")
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
    """Create a credential, and the account and roles that it needs.

    \b
    gcr-emulator credentials create --type external_account \\
      --role roles/editor --output adc.json
    """
    is_person = "@" in account and not is_account_email(account)
    if is_person and kind != _LOGIN:
        raise click.BadParameter(f"{account!r} is a person: {kind} needs a service account")
    if is_account_email(account) and kind == _LOGIN:
        raise click.BadParameter(f"{account!r} is a service account: {kind} needs a person")
    if subject_token_file is not None and kind != "external_account":
        raise click.UsageError("--subject-token-file is for external_account")
    _check_output(kind, output, force)
    if subject_token_file is not None:
        check_output(subject_token_file, force)
    endpoints = GOOGLE_ENDPOINTS if token_uri == "google" else find_endpoints(server.url)
    if is_person:
        project_id = find_project(server, project_id)
    else:
        account, project_id = find_account(server, account, project_id)
    request = CredentialRequest(server, project_id, account, roles, output, subject_token_file, endpoints)
    _WRITERS[kind](request)
    if kind in _FIXED_IN_NODE:
        warn_node(request)


def _check_output(kind: str, output: Path, force: bool) -> None:
    if kind != _GCLOUD:
        check_output(output, force)
    elif output == STDOUT:
        raise EmulatorError("gcloud needs a directory: name one with --output")
    elif not force and os.path.lexists(output):
        raise EmulatorError(f"{output} exists: name another directory, or replace it with --force")
