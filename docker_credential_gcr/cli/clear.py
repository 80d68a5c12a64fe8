"""`clear`: forget what is kept on this machine, and ask nobody."""

import os

import click

from docker_credential_gcr.helper.credential_store import store
from docker_credential_gcr.helper.credential_store.entries import EVERY_HOST
from docker_credential_gcr.helper.login import credential_file
from docker_credential_gcr.helper.tokens.clear import clear_cache


@click.command
def clear() -> None:
    """Forget the login, the keys that were handed over, and all access tokens, without a network.

    They stay good until they expire or are revoked: `logout` revokes the login, too.

    \b
    Examples:
      docker-credential-gcr clear
    """
    forget("forgotten")


def forget(done: str) -> None:
    """Forgets everything, and says what there was."""
    told = []
    if credential_file.delete_login(os.environ):
        told.append(f"login: {done}")
    for host in store.delete_keys(os.environ):
        told.append(f"key of {'all registries' if host == EVERY_HOST else host}: forgotten")
    number = clear_cache(os.environ)
    if number:
        told.append(f"access tokens: {number} removed")
    for line in told or ["nothing was kept"]:
        click.echo(line, err=True)
