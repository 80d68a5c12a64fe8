"""`clear`: forget what is kept on this machine, and ask nobody."""

import click

from docker_credential_gcr.cli.logout import forget


@click.command(short_help="Forget the login, the keys and the tokens, without a network.")
def clear() -> None:
    """Forget the login, the keys that were handed over, and all access tokens, without a network.

    They stay good until they expire or are revoked: `logout` revokes the login, too.

    \b
    Examples:
      docker-credential-gcr clear
    """
    forget("forgotten")
