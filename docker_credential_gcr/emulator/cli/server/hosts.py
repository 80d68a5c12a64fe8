"""gcr-emulator hosts: prints the lines of a hosts file that lead Google's names to the emulator."""

import ipaddress

import click

from docker_credential_gcr.emulator.client.server_url import strip_brackets
from docker_credential_gcr.emulator.sites.locations import LOCATIONS
from docker_credential_gcr.emulator.sites.served_names import format_hosts, list_served_names
from docker_credential_gcr.locations import MULTI_REGIONS


def _parse_address(text: str) -> str:
    try:
        return str(ipaddress.ip_address(strip_brackets(text)))
    except ValueError as error:
        raise click.BadParameter(f"{text!r} is not an address, such as 127.0.0.1") from error


@click.command()
@click.option(
    "--address",
    type=_parse_address,
    metavar="ADDRESS",
    default="127.0.0.1",
    show_default=True,
    help="The address at which the emulator listens.",
)
@click.option(
    "--location",
    "locations",
    type=click.Choice(LOCATIONS),
    metavar="LOCATION",
    multiple=True,
    default=MULTI_REGIONS,
    show_default=True,
    help="A location of Artifact Registry, such as us-central1; may be repeated.",
)
@click.option(
    "--localhost",
    "suffix",
    flag_value=".localhost",
    default="",
    help="Print the names below localhost, such as gcr.io.localhost: Google's names still lead to Google.",
)
def hosts(address: str, locations: tuple[str, ...], suffix: str) -> None:
    """Print the lines of a hosts file that lead Google's names to the emulator.

    \b
    gcr-emulator hosts --location us-central1 | sudo tee -a /etc/hosts

    Programs use port 443, with TLS, for a name without a port: start the emulator with --tls --port 443.
    """
    names = [f"{name}{suffix}" for name in list_served_names(locations)]
    click.echo(format_hosts(dict.fromkeys(names, address)), nl=False)
