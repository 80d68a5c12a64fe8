"""Options that several commands share: the server, its token and authority; and the parsers of values.

A parser is the type of a click option: it raises BadParameter for a wrong value.
"""

import ipaddress
import os
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

import click

from docker_credential_gcr.emulator.client.rest import DEFAULT_URL, EmulatorError, Server
from docker_credential_gcr.emulator.client.server_files import find_ca, find_token
from docker_credential_gcr.emulator.client.server_url import InvalidUrl, is_host, parse_url, strip_brackets
from docker_credential_gcr.emulator.gce_instance import InvalidInstance, expand_scope
from docker_credential_gcr.emulator.identity.policy import is_member
from docker_credential_gcr.emulator.identity.resource_names import PROJECT_ID_RULE, is_project_id
from docker_credential_gcr.emulator.identity.suggestions import (
    explain_account,
    explain_member,
    explain_role,
    is_account_email,
)
from docker_credential_gcr.emulator.runtime.files import read_file
from docker_credential_gcr.emulator.sites.hosts import find_canonical_host
from docker_credential_gcr.emulator.sites.locations import explain_location
from docker_credential_gcr.emulator.sites.ports import InvalidSite, SitePort, parse_site_port

F = TypeVar("F", bound=Callable[..., Any])

# In a URL, or a parameter of libpq.
_PASSWORD = re.compile(r"//[^/@:]*:[^/@]+@|[?&](?:ssl)?password=")


def parse_url_option(text: str) -> str:
    """Parses the URL of a server's root."""
    try:
        return parse_url(text)
    except InvalidUrl as error:
        raise click.BadParameter(f"{text!r} is not the URL of a server, such as {DEFAULT_URL}") from error


def check_password(context: click.Context, parameter: click.Parameter, url: str | None) -> str | None:
    """Returns the URL of a database. Raises BadParameter if its password is on the command line."""
    source = context.get_parameter_source(parameter.name or "")
    if source is click.core.ParameterSource.COMMANDLINE and _PASSWORD.search(url or ""):
        raise click.BadParameter(
            f"other users of this machine can read a password there: set {parameter.envvar} or PGPASSWORD",
            context,
            parameter,
        )
    return url


def parse_external_url(text: str) -> str:
    """Parses the URL of a load balancer, as browsers send it: lower case, without the scheme's own port."""
    try:
        url = urlsplit(parse_url(text).lower())
        if "%" in url.netloc:  # the zone of an address, which is valid on one machine only
            raise InvalidUrl(text)
    except InvalidUrl as error:
        raise click.BadParameter(
            f"{text!r} is not the root of a server, such as https://registry.example.com"
        ) from error
    if find_canonical_host(url.netloc) is not None:
        raise click.BadParameter(
            f"{text!r} is a Google name, for which a request keeps its Host: name another host"
        )
    port = {"http": ":80", "https": ":443"}[url.scheme]
    return f"{url.scheme}://{url.netloc.removesuffix(port)}"


def parse_network(text: str) -> str:
    """Parses a network of IPv4 or IPv6, or one address."""
    try:
        return str(ipaddress.ip_network(text, strict=False))
    except ValueError as error:
        raise click.BadParameter(f"{text!r} is not a network, such as 10.0.0.0/8 or fd00::/8") from error


def parse_project_id(text: str) -> str:
    """Parses a project's ID."""
    if not is_project_id(text):
        raise click.BadParameter(f"{text!r} is not a project ID: {PROJECT_ID_RULE}")
    return text


def parse_host(text: str) -> str:
    """Parses a host name or an address; an IPv6 address may have brackets."""
    host = strip_brackets(text)
    if not is_host(host):
        raise click.BadParameter(f"{text!r} is neither a name nor an address")
    return host


def parse_name(text: str) -> str:
    """Parses a name or address for a certificate; its first label may be a wildcard."""
    whole = strip_brackets(text.lower())
    name = whole.removeprefix("*.")
    is_wildcard = name != whole
    # An address with a zone, after %, is valid on one machine only.
    if not is_host(name) or "%" in name or (is_wildcard and ":" in name):
        raise click.BadParameter(f"{text!r} is neither a name nor an address")
    return whole


def parse_site(text: str) -> SitePort:
    """Parses one of the emulator's hosts, and a port for it."""
    try:
        return parse_site_port(text)
    except InvalidSite as error:
        raise click.BadParameter(str(error)) from error


def parse_location(text: str) -> str:
    """Parses a location of Artifact Registry."""
    return _check(text, explain_location(text))


def parse_account(text: str) -> str:
    """Parses a service account's name, or its whole address."""
    return _check(text, explain_account(text))


def parse_account_or_person(text: str) -> str:
    """Parses a service account, or a person's whole address."""
    return text if "@" in text and is_member(f"user:{text}") else parse_account(text)


def parse_account_email(text: str) -> str:
    """Parses the address of a service account."""
    if not is_account_email(text):
        raise click.BadParameter(f"{text!r} is not an address such as ci@my-project.iam.gserviceaccount.com")
    return text


def parse_scope(text: str) -> str:
    """Parses an OAuth scope; the last part is enough."""
    try:
        return expand_scope(text)
    except InvalidInstance as error:
        raise click.BadParameter(str(error)) from error


def parse_member(text: str) -> str:
    """Parses a member as IAM names it."""
    return _check(text, explain_member(text))


def parse_role(text: str) -> str:
    """Parses a role that can be granted on a project."""
    return _check(text, explain_role(text))


def _check(text: str, fault: str | None) -> str:
    if fault is not None:
        raise click.BadParameter(fault)
    return text


_UNITS_S = {"s": 1, "m": 60, "h": 3600, "d": 86_400}


def parse_duration(text: str) -> float:
    """Parses a duration, such as 90s, 30m, 24h or 7d, into seconds; 0 needs no unit."""
    match = re.fullmatch(r"([0-9]{1,9}(?:\.[0-9]{1,3})?)([smhd]?)", text)
    if match is None:
        raise click.BadParameter(f"{text!r} is not a duration, such as 90s, 30m, 24h or 7d")
    number = float(match[1])
    if number and not match[2]:
        raise click.BadParameter(f"{text}: give a unit, such as {text}d or {text}s")
    return number * _UNITS_S.get(match[2], 0)


server_url = click.option(
    "--server",
    "url",
    type=parse_url_option,
    metavar="URL",
    envvar="GCR_EMULATOR_URL",
    default=DEFAULT_URL,
    show_default=True,
    show_envvar=True,
    help="The URL of the emulator.",
)
project_roles = click.option(
    "--role",
    "roles",
    type=parse_role,
    metavar="ROLE",
    multiple=True,
    help="A role on the project; may be repeated.",
)
_token_file = click.option(
    "--token-file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="FILE",
    envvar="GCR_EMULATOR_TOKEN_FILE",
    show_envvar=True,
    help="The operator token's file; without it GCR_EMULATOR_TOKEN, which holds the token itself, or else "
    "keys/operator-token of GCR_EMULATOR_DATA.",
)
_ca_file = click.option(
    "--ca",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="FILE",
    envvar="GCR_EMULATOR_CA",
    show_envvar=True,
    help="The certificate authority of a server with TLS; without it that of GCR_EMULATOR_READY_FILE or "
    "GCR_EMULATOR_DATA if these are set, or else those of this machine.",
)


def token_uri(text: str) -> Callable[[F], F]:
    """Returns the option --token-uri with a help text."""
    kinds = click.Choice(["emulator", "google"])
    return click.option("--token-uri", type=kinds, default="emulator", show_default=True, help=text)


def with_ca(command: F) -> F:
    """Gives the command the `url` of the server and the `ca` file to trust, None for the machine's."""

    def run(url: str, ca: Path | None, **options: object) -> object:
        return command(url=url, ca=ca or find_ca(url, os.environ), **options)

    return server_url(_ca_file(copy_declaration(run, command)))  # type: ignore[return-value]


def with_server(command: F) -> F:
    """Gives the command a `server`: its URL is from --server, its token from --token-file."""

    def run(url: str, ca: Path | None, token_file: Path | None, **options: object) -> object:
        token, name = _load_token(token_file, os.environ)
        return command(server=Server(url, token, ca, token_name=name), **options)

    return with_ca(_token_file(copy_declaration(run, command)))  # type: ignore[return-value]


def copy_declaration(run: Callable[..., object], command: Callable[..., object]) -> Callable[..., object]:
    """Returns `run` with the name, the help and the options of the command that it wraps."""
    run.__name__, run.__doc__ = command.__name__, command.__doc__
    run.__click_params__ = getattr(command, "__click_params__", [])  # type: ignore[attr-defined]
    return run


def say(text: str) -> None:
    """Prints a line for the user on stderr; results go to stdout."""
    click.echo(text, err=True)


def _load_token(token_file: Path | None, environ: Mapping[str, str]) -> tuple[str | None, str]:
    """Returns the token for the APIs, and the name of the file or variable that held it.

    There is no option for the token itself: other users can read command lines.
    """
    try:
        token, name = read_file(token_file).decode("ascii") if token_file else "", str(token_file)
    except (OSError, UnicodeDecodeError) as error:
        raise EmulatorError(f"{token_file} cannot be read as a token") from error
    if token_file is None:
        token, name = environ.get("GCR_EMULATOR_TOKEN", ""), "GCR_EMULATOR_TOKEN"
        if not token:
            token, name = find_token(environ) or ("", "")
    token = token.strip()
    if token_file is not None and not token:
        raise EmulatorError(f"{token_file} is empty: name the file of an operator token")
    # Checked here, because the message of an HTTP library would contain the header.
    if not token.isascii() or not token.isprintable() or " " in token:
        raise EmulatorError(f"{name} does not hold a token")
    return token or None, name
