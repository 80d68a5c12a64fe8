"""gcr-emulator serve: runs the emulator."""

import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from docker_credential_gcr.emulator.gce_instance import Instance, build_instance
from docker_credential_gcr.emulator.runtime.process_limits import pause_garbage_collector
from docker_credential_gcr.emulator.settings import InvalidLimit, Limits, Settings

from .serve_options import serve_options


@click.command()
@serve_options
@click.pass_context
def serve(context: click.Context, /, **chosen: Any) -> None:
    """Run the emulator until it is stopped.

    Stdout gets one line of JSON once the server answers:
    url, registry, pid, data, ca, operator_token_file.
    A terminal at stderr gets a greeting and a line for each request.
    """
    _check_tls(chosen["tls"], chosen["tls_names"], chosen["tls_cert"], chosen["tls_key"])
    settings = make_settings(context, **chosen)
    greets = sys.stderr.isatty()
    if greets and settings.log_format is None:
        settings = replace(settings, log_format="text")
    pause_garbage_collector()
    # The server's libraries come with the extra, and take 150 ms to load.
    from docker_credential_gcr.emulator.server.lifecycle import serve as run

    context.exit(run(settings, greets=greets))


def make_settings(
    context: click.Context,
    *,
    limits: tuple[str, ...],
    gc_delay: float | None,
    access_log: bool,
    log_format: str | None,
    **chosen: Any,
) -> Settings:
    """The settings that the options mean; every other option is called as its setting is."""
    if access_log and log_format == "text":
        raise click.UsageError("--access-log means --log-format json: give one of them")
    hosts = [host for host, _ in chosen.get("sites", ())]
    if len(set(hosts)) < len(hosts):
        raise click.UsageError("--site gives a host two ports: give it one")
    if chosen["workers"] > 1 and sys.platform == "win32":
        raise click.UsageError("--workers needs a system on which processes share a listening socket")
    try:
        bounds = Limits.parse(limits)
    except InvalidLimit as error:
        raise click.BadParameter(str(error), context, param_hint="--limit") from error
    if gc_delay is not None:
        bounds = replace(bounds, unused_lifetime_s=gc_delay)
    instance = _build_instance(chosen.pop("metadata_account"), chosen.pop("metadata_scopes"))
    log_format = "json" if access_log else log_format
    return Settings(limits=bounds, instance=instance, log_format=log_format, **chosen)


def _build_instance(account: str | None, scopes: tuple[str, ...]) -> Instance | None:
    if account is None and scopes:
        raise click.UsageError("--metadata-scope needs --metadata-account")
    return None if account is None else build_instance(account, scopes)


def _check_tls(tls: bool, names: tuple[str, ...], certificate: Path | None, key: Path | None) -> None:
    """Refuse what would be passed over in silence."""
    if (certificate is None) != (key is None):
        raise click.UsageError("--tls-cert and --tls-key go together")
    if tls and certificate is not None:
        raise click.UsageError("--tls makes a certificate, --tls-cert brings one: give one of them")
    if names and not tls:
        raise click.UsageError("--tls-name needs --tls")
