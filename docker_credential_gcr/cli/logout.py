"""`logout`: end the login, and forget it, the keys and the access tokens."""

import os

import click

from docker_credential_gcr.cli import terminal
from docker_credential_gcr.errors import Error
from docker_credential_gcr.helper import logins
from docker_credential_gcr.helper import logout as forgetting


@click.command(short_help="End the login; forget it, the keys and the tokens.")
def logout() -> None:
    """End the login where it was made, and forget it, the keys that were handed over, and all access tokens.

    The logins of registries that are not Google's stay; `docker logout` forgets those. A login that cannot be
    ended, for want of a network say, is forgotten all the same, with a warning.

    \b
    Examples:
      docker-credential-gcr logout
    """
    try:
        is_ended = forgetting.revoke(os.environ)
    except Error as error:
        is_ended = False
        terminal.warn(f"the login was not ended: {error}")
    forget("revoked and forgotten" if is_ended else "forgotten")


def forget(done: str) -> None:
    """Forget everything, and say what there was."""
    told = []
    if forgetting.forget_login(os.environ):
        told.append(f"login: {done}")
    for host in forgetting.forget_keys(os.environ):
        told.append(f"key of {'all registries' if host == logins.EVERY_HOST else host}: forgotten")
    number = forgetting.clear_cache(os.environ)
    if number:
        told.append(f"access tokens: {number} removed")
    for line in told or ["nothing was kept"]:
        click.echo(line, err=True)
