"""What several commands ask alike: where the emulator is, and in which words things are named."""

import os
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

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
from docker_credential_gcr.emulator.sites.locations import explain_location
from docker_credential_gcr.emulator.sites.ports import InvalidSite, SitePort, parse_site_port

F = TypeVar("F", bound=Callable[..., Any])


def parse_url_option(text: str) -> str:
    """The option's type: the root of a server."""
    try:
        return parse_url(text)
    except InvalidUrl as error:
        raise click.BadParameter(f"{text!r} is not the URL of a server, such as {DEFAULT_URL}") from error


def parse_project_id(text: str) -> str:
    """The option's type: a project's ID."""
    if not is_project_id(text):
        raise click.BadParameter(f"{text!r} is not a project ID: {PROJECT_ID_RULE}")
    return text


def parse_host(text: str) -> str:
    """The option's type: the name or address of a machine; an IPv6 address may have brackets."""
    host = strip_brackets(text)
    if not is_host(host):
        raise click.BadParameter(f"{text!r} is neither a name nor an address")
    return host


def parse_name(text: str) -> str:
    """The option's type: a name or address for a certificate, perhaps with a wildcard for its first label."""
    whole = strip_brackets(text.lower())
    name = whole.removeprefix("*.")
    is_wildcard = name != whole
    # The zone of an address, behind %, means a link of one machine.
    if not is_host(name) or "%" in name or (is_wildcard and ":" in name):
        raise click.BadParameter(f"{text!r} is neither a name nor an address")
    return whole


def parse_site(text: str) -> SitePort:
    """The option's type: a host of the emulator's, and a port for it."""
    try:
        return parse_site_port(text)
    except InvalidSite as error:
        raise click.BadParameter(str(error)) from error


def parse_location(text: str) -> str:
    """The option's type: a location of Artifact Registry."""
    return _check(text, explain_location(text))


def parse_account(text: str) -> str:
    """The option's type: a service account's name, or its whole address."""
    return _check(text, explain_account(text))


def parse_account_or_person(text: str) -> str:
    """The option's type: a service account, or a person's whole address."""
    return text if "@" in text and is_member(f"user:{text}") else parse_account(text)


def parse_account_email(text: str) -> str:
    """The option's type: the address of a service account of a project."""
    if not is_account_email(text):
        raise click.BadParameter(f"{text!r} is not an address such as ci@my-project.iam.gserviceaccount.com")
    return text


def parse_scope(text: str) -> str:
    """The option's type: an OAuth scope, its last part alone for one of Google's."""
    try:
        return expand_scope(text)
    except InvalidInstance as error:
        raise click.BadParameter(str(error)) from error


def parse_member(text: str) -> str:
    """The option's type: a member as IAM names it."""
    return _check(text, explain_member(text))


def parse_role(text: str) -> str:
    """The option's type: a role that means something on a project."""
    return _check(text, explain_role(text))


def _check(text: str, fault: str | None) -> str:
    if fault is not None:
        raise click.BadParameter(fault)
    return text


_UNITS_S = {"s": 1, "m": 60, "h": 3600, "d": 86_400}


def parse_duration(text: str) -> float:
    """The option's type: a duration in seconds, such as 90s, 30m, 24h or 7d; 0 needs no unit."""
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
    help="The emulator.",
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
    help="The operator token's file; else GCR_EMULATOR_TOKEN, which holds a token itself, else "
    "keys/operator-token of GCR_EMULATOR_DATA.",
)

_ca_file = click.option(
    "--ca",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="FILE",
    envvar="GCR_EMULATOR_CA",
    show_envvar=True,
    help="The authority that a server with TLS is trusted by; that of GCR_EMULATOR_READY_FILE or "
    "GCR_EMULATOR_DATA if these are set, else those of this machine.",
)


def token_uri(text: str) -> Callable[[F], F]:
    """The option --token-uri, with that help."""
    kinds = click.Choice(["emulator", "google"])
    return click.option("--token-uri", type=kinds, default="emulator", show_default=True, help=text)


def with_ca(command: F) -> F:
    """Give the command the `url` of the server and the `ca` that it is trusted by, None for the machine's."""

    def run(url: str, ca: Path | None, **options: object) -> object:
        return command(url=url, ca=ca or find_ca(url, os.environ), **options)

    return server_url(_ca_file(_take_place(run, command)))  # type: ignore[return-value]


def with_server(command: F) -> F:
    """Give the command a `server`, found by --server, and opened by --token-file where one is needed."""

    def run(url: str, ca: Path | None, token_file: Path | None, **options: object) -> object:
        token, name = _load_token(token_file, os.environ)
        return command(server=Server(url, token, ca, token_name=name), **options)

    return with_ca(_token_file(_take_place(run, command)))  # type: ignore[return-value]


def _take_place(run: Callable[..., object], command: Callable[..., object]) -> Callable[..., object]:
    """`run` under the name and with the options of the command that it wraps."""
    run.__name__, run.__doc__ = command.__name__, command.__doc__
    run.__click_params__ = getattr(command, "__click_params__", [])  # type: ignore[attr-defined]
    return run


def say(text: str) -> None:
    """A line for the person at the terminal; results go to stdout."""
    click.echo(text, err=True)


def _load_token(token_file: Path | None, environ: Mapping[str, str]) -> tuple[str | None, str]:
    """The token that opens the APIs, and where it is from: a file or the environment, no command line."""
    try:
        token, name = read_file(token_file).decode("ascii") if token_file else "", str(token_file)
    except (OSError, UnicodeDecodeError) as error:
        raise EmulatorError(f"{token_file} holds no token that can be read") from error
    if token_file is None:
        token, name = environ.get("GCR_EMULATOR_TOKEN", ""), "GCR_EMULATOR_TOKEN"
        if not token:
            token, name = find_token(environ) or ("", "")
    token = token.strip()
    if token_file is not None and not token:
        raise EmulatorError(f"{token_file} is empty: name the file of an operator token")
    # Checked here, because an HTTP library would quote the header that it refuses.
    if not token.isascii() or not token.isprintable() or " " in token:
        raise EmulatorError(f"{name} holds something other than a token")
    return token or None, name
