"""`logout`: end the login, and forget it, the keys and the access tokens."""

import os

import click

from docker_credential_gcr.errors import Error
from docker_credential_gcr.helper.login import logout as logouts

from . import terminal
from .clear import forget


@click.command
def logout() -> None:
    """End the login where it was made, and forget it, the keys that were handed over, and all access tokens.

    The logins of registries that are not Google's stay; `docker logout` forgets those. A login that cannot be
    ended, for want of a network say, is forgotten all the same, with a warning.

    \b
    Examples:
      docker-credential-gcr logout
    """
    try:
        is_ended = logouts.revoke(os.environ)
    except Error as error:
        is_ended = False
        terminal.warn(f"the login was not ended: {error}")
    forget("revoked and forgotten" if is_ended else "forgotten")
