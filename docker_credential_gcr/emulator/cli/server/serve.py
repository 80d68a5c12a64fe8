"""gcr-emulator serve: runs the emulator."""

import os
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from docker_credential_gcr.emulator.gce_instance import Instance, build_instance
from docker_credential_gcr.emulator.identity.redirection import RegistryKind
from docker_credential_gcr.emulator.operator_token import InvalidOperatorToken, take_operator_token
from docker_credential_gcr.emulator.runtime.process_limits import pause_garbage_collector
from docker_credential_gcr.emulator.settings import InvalidLimit, Limits, Settings

from .serve_options import serve_options


@click.command()
@serve_options
@click.pass_context
def serve(context: click.Context, /, **options: Any) -> None:
    """Run the emulator until it is stopped.

    Prints one line of JSON on stdout when the server is ready:
    url, registry, pid, data, ca, operator_token_file.
    If stderr is a terminal, it gets a banner and a line for each request.
    """
    _check_tls(options["tls"], options["tls_names"], options["tls_cert"], options["tls_key"])
    settings = make_settings(context, **options)
    shows_banner = sys.stderr.isatty()
    if shows_banner and settings.log_format is None:
        settings = replace(settings, log_format="text")
    pause_garbage_collector()
    # The server's libraries take 150 ms to load, and need the emulator extra.
    from docker_credential_gcr.emulator.server.lifecycle import serve as run

    context.exit(run(settings, shows_banner=shows_banner))


def make_settings(
    context: click.Context,
    *,
    registry: str,
    limits: tuple[str, ...],
    gc_delay: float | None,
    access_log: bool,
    log_format: str | None,
    **options: Any,
) -> Settings:
    """Returns the settings that the options mean; all other options have the names of their settings."""
    if access_log and log_format == "text":
        raise click.UsageError("--access-log is --log-format json: give one of them")
    _check_shared(options)
    hosts = [host for host, _ in options.get("sites", ())]
    if len(set(hosts)) < len(hosts):
        raise click.UsageError("--site gives a host two ports: give it one")
    if options["workers"] > 1 and sys.platform == "win32":
        raise click.UsageError("--workers needs a system where processes can share a listening socket")
    try:
        bounds = Limits.parse(limits)
    except InvalidLimit as error:
        raise click.BadParameter(str(error), context, param_hint="--limit") from error
    if gc_delay is not None:
        bounds = replace(bounds, unused_lifetime_s=gc_delay)
    instance = _build_instance(options.pop("metadata_account"), options.pop("metadata_scopes"))
    log_format = "json" if access_log else log_format
    token = _take_operator_token()
    return Settings(
        registry=RegistryKind(registry),
        limits=bounds,
        instance=instance,
        log_format=log_format,
        operator_token=token,
        **options,
    )


def _take_operator_token() -> str | None:
    try:
        return take_operator_token(os.environ)
    except InvalidOperatorToken as error:
        raise click.UsageError(str(error)) from error


# option -> the option without which it would have no effect
_NEEDS = {
    "storage": "database",
    "keys": "database",
    "storage_endpoint": "storage",
    "storage_public_endpoint": "storage",
}


def _check_shared(options: Mapping[str, Any]) -> None:
    """Raises UsageError for options of servers that share a database, without what they need."""
    for name, needed in _NEEDS.items():
        if options.get(name) is not None and options.get(needed) is None:
            raise click.UsageError(f"--{name.replace('_', '-')} needs --{needed}")
    if options.get("database") and not (options.get("storage") or options.get("data")):
        # Their files would be deleted when the server stops, and the database would still name them.
        raise click.UsageError("--database needs --storage, or --data for the bytes of images")


def _build_instance(account: str | None, scopes: tuple[str, ...]) -> Instance | None:
    if account is None and scopes:
        raise click.UsageError("--metadata-scope needs --metadata-account")
    return None if account is None else build_instance(account, scopes)


def _check_tls(tls: bool, names: tuple[str, ...], certificate: Path | None, key: Path | None) -> None:
    """Raises UsageError for options of TLS that would have no effect."""
    if (certificate is None) != (key is None):
        raise click.UsageError("--tls-cert and --tls-key go together")
    if tls and certificate is not None:
        raise click.UsageError("--tls creates a certificate, --tls-cert names one: give one of them")
    if names and not tls:
        raise click.UsageError("--tls-name needs --tls")
