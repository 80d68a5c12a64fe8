"""The command `print-token`: print an access token, for curl and other programs."""

import os

import click

from docker_credential_gcr.helper import lookup, registries

from .registry_names import REGISTRIES


@click.command("print-token")
@click.argument("registry", metavar="[HOST]", default=registries.DEFAULT_HOSTS[0], type=REGISTRIES)
def print_token(registry: str) -> None:
    """Print an access token for a registry, gcr.io by default.

    The exit status is 3 when a login is required.

    \b
    Examples:
      docker-credential-gcr print-token
      docker-credential-gcr print-token us-docker.pkg.dev
      TOKEN="$(docker-credential-gcr print-token us-docker.pkg.dev)"
      curl -H "Authorization: Bearer $TOKEN" \\
        https://us-docker.pkg.dev/v2/my-project/images/app/tags/list
    """
    click.echo(lookup.get_token(registry, environ=os.environ).value)
