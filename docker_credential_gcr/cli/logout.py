"""The command `logout`: revoke the login, and forget it, the keys and the access tokens."""

import os

import click

from docker_credential_gcr.errors import Error
from docker_credential_gcr.helper.login.logout import revoke

from . import terminal
from .clear import forget


@click.command
def logout() -> None:
    """Revoke the login, and forget it, the stored keys, and all access tokens.

    Logins to registries that are not Google's stay; `docker logout` forgets those. A login that cannot be
    revoked, for example without a network, is forgotten as well, with a warning.

    \b
    Examples:
      docker-credential-gcr logout
    """
    try:
        is_revoked = revoke(os.environ)
    except Error as error:
        is_revoked = False
        terminal.warn(f"the login was not revoked: {error}")
    forget("revoked and forgotten" if is_revoked else "forgotten")
