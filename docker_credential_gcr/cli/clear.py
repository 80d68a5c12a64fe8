"""The command `clear`: forget the login, stored keys and cached tokens, without a network."""

import os

import click

from docker_credential_gcr.helper.credential_store import store
from docker_credential_gcr.helper.credential_store.entries import EVERY_HOST
from docker_credential_gcr.helper.login import credential_file
from docker_credential_gcr.helper.tokens.clear import clear_cache


@click.command
def clear() -> None:
    """Forget the login, the stored keys, and all access tokens, without a network.

    They remain valid until they expire or are revoked; `logout` also revokes the login.

    \b
    Examples:
      docker-credential-gcr clear
    """
    forget("forgotten")


def forget(done: str) -> None:
    """Deletes the login, the stored keys and the tokens, and lists them on stderr."""
    lines = []
    if credential_file.delete_login(os.environ):
        lines.append(f"login: {done}")
    for host in store.delete_keys(os.environ):
        lines.append(f"key of {'all registries' if host == EVERY_HOST else host}: forgotten")
    number = clear_cache(os.environ)
    if number:
        lines.append(f"access tokens: {number} removed")
    for line in lines or ["nothing was stored"]:
        click.echo(line, err=True)
