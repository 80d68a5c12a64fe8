"""gcr-emulator iam: grants roles on projects, takes them back, and shows them."""

import functools
import json
from collections.abc import Callable
from typing import Any, TypeVar

import click

from . import commands_options as options
from .client import Server
from .commands_group import Group
from .commands_options import say, with_server
from .identity import policy as policies

F = TypeVar("F", bound=Callable[..., Any])

_project = click.option(
    "--project",
    "project_id",
    type=options.parse_project_id,
    metavar="ID",
    required=True,
    help="The project whose policy it is.",
)


def _binding(command: F) -> F:
    member = click.option(
        "--member",
        type=options.parse_member,
        metavar="MEMBER",
        required=True,
        help="Who: serviceAccount:EMAIL, user:EMAIL, allUsers, allAuthenticatedUsers.",
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
    """Grant roles on projects, take them back, show them."""


@iam.command()
@_binding
@with_server
def grant(server: Server, project_id: str, member: str, role: str) -> None:
    """Give a member a role on a project."""
    changed = server.change_policy(project_id, functools.partial(policies.grant, role=role, member=member))
    say(f"{member} {'now has' if changed else 'already had'} {role} on {project_id}")


@iam.command()
@_binding
@with_server
def revoke(server: Server, project_id: str, member: str, role: str) -> None:
    """Take a role on a project from a member."""
    changed = server.change_policy(project_id, functools.partial(policies.revoke, role=role, member=member))
    say(f"{member} {'no longer has' if changed else 'did not have'} {role} on {project_id}")


@iam.command()
@_project
@with_server
def show(server: Server, project_id: str) -> None:
    """Print a project's IAM policy as JSON."""
    click.echo(json.dumps(policies.format_policy(server.get_policy(project_id)), indent=2))
