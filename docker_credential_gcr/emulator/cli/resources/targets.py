"""Options --project and --account of the resource commands, and how their values are resolved."""

import click

from docker_credential_gcr.emulator.cli import options
from docker_credential_gcr.emulator.client.rest import EmulatorError, Server
from docker_credential_gcr.emulator.identity.resource_names import find_project_id

project = click.option(
    "--project",
    "project_id",
    type=options.parse_project_id,
    metavar="ID",
    help="The project; not needed if there is only one.",
)


def find_project(server: Server, project_id: str | None) -> str:
    """Returns the named project, or the only one that is not deleted. Raises EmulatorError."""
    if project_id is not None:
        return project_id
    listed = server.list_projects()
    found = [one["projectId"] for one in listed if one["lifecycleState"] == "ACTIVE"]
    if len(found) != 1:
        raise EmulatorError(f"there are {len(found) or 'no'} projects: name one with --project")
    return str(found[0])


account = click.option(
    "--account",
    type=options.parse_account,
    metavar="NAME",
    required=True,
    help="The service account, by name or address.",
)


def find_account(server: Server, account: str, project_id: str | None) -> tuple[str, str]:
    """Returns the account's name and its project, which an address contains. Raises EmulatorError."""
    name, at, _ = account.partition("@")
    named = find_project_id(account) if at else None
    if named and project_id and named != project_id:
        raise EmulatorError(f"{account} belongs to project {named}, not to {project_id}: leave out --project")
    return name, named or find_project(server, project_id)
