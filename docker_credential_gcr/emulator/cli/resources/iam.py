"""gcr-emulator iam: grants roles on projects, revokes and lists them."""

import functools
import json
from collections.abc import Callable
from typing import Any, TypeVar

import click

from docker_credential_gcr.emulator.cli import options
from docker_credential_gcr.emulator.cli.group import Group
from docker_credential_gcr.emulator.cli.listing import Document, json_option, print_list
from docker_credential_gcr.emulator.cli.options import say, with_server
from docker_credential_gcr.emulator.client.rest import Server
from docker_credential_gcr.emulator.identity import policy as policies

F = TypeVar("F", bound=Callable[..., Any])

_project = click.option(
    "--project",
    "project_id",
    type=options.parse_project_id,
    metavar="ID",
    required=True,
    help="The project.",
)


def _binding(command: F) -> F:
    member = click.option(
        "--member",
        type=options.parse_member,
        metavar="MEMBER",
        required=True,
        help="The member: serviceAccount:EMAIL, user:EMAIL, allUsers, allAuthenticatedUsers.",
    )
    role = click.option(
        "--role",
        type=options.parse_role,
        metavar="ROLE",
        required=True,
        help="The role, such as roles/viewer.",
    )
    return _project(member(role(command)))


@click.group(cls=Group)
def iam() -> None:
    """Grant roles on projects, revoke and list them."""


@iam.command()
@_binding
@with_server
def grant(server: Server, project_id: str, member: str, role: str) -> None:
    """Grant a member a role on a project."""
    changed = server.grant(project_id, member, (role,))
    say(f"{member} {'now has' if changed else 'already had'} {role} on {project_id}")


@iam.command()
@_binding
@with_server
def revoke(server: Server, project_id: str, member: str, role: str) -> None:
    """Revoke a member's role on a project."""
    changed = server.change_policy(project_id, functools.partial(policies.revoke, role=role, member=member))
    say(f"{member} {'no longer has' if changed else 'did not have'} {role} on {project_id}")


@iam.command("list")
@_project
@json_option
@with_server
def list_bindings(server: Server, project_id: str, as_json: bool) -> None:
    """List the members of a project with their roles."""
    bindings: Any = policies.format_policy(server.get_policy(project_id)).get("bindings", [])
    found = [
        {"member": member, **{name: value for name, value in binding.items() if name != "members"}}
        for binding in bindings
        for member in binding["members"]
    ]
    empty = f"no member has a role on {project_id}: gcr-emulator iam grant --project {project_id}"
    header = ("MEMBER", "ROLE", "CONDITION")
    print_list("bindings", found, header, _format_row, as_json=as_json, empty=empty)


def _format_row(found: Document) -> tuple[str, ...]:
    return found["member"], found["role"], found.get("condition", {}).get("expression", "-")


@iam.command()
@_project
@with_server
def show(server: Server, project_id: str) -> None:
    """Print a project's IAM policy as JSON."""
    click.echo(json.dumps(policies.format_policy(server.get_policy(project_id)), indent=2))
