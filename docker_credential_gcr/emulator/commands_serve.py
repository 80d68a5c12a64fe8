"""gcr-emulator serve: runs the emulator."""

import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from . import commands_options as options
from .machine import Machine, make_machine
from .settings import InvalidLimit, Limits, Settings

_file = click.Path(path_type=Path)


@click.command()
@click.option(
    "--host",
    envvar="GCR_EMULATOR_HOST",
    default="127.0.0.1",
    show_default=True,
    show_envvar=True,
    help="The address to listen on.",
)
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    envvar="GCR_EMULATOR_PORT",
    default=5000,
    show_default=True,
    show_envvar=True,
    help="0 takes a free one.",
)
@click.option(
    "--data",
    type=_file,
    envvar="GCR_EMULATOR_DATA",
    show_envvar=True,
    help="The directory that holds everything. Without it, all is gone when the server stops.",
)
@click.option(
    "--project",
    "projects",
    type=options.parse_project_id,
    metavar="ID",
    multiple=True,
    envvar="GCR_EMULATOR_PROJECT",
    show_envvar=True,
    help="A project to make if it is absent; may be repeated.",
)
@click.option(
    "--site",
    "sites",
    type=options.parse_site,
    metavar="HOST=PORT",
    multiple=True,
    envvar="GCR_EMULATOR_SITE",
    show_envvar=True,
    help="One more port, which is for that host alone, such as eu.gcr.io=5001; may be repeated.",
)
@click.option(
    "--ready-file",
    type=_file,
    envvar="GCR_EMULATOR_READY_FILE",
    show_envvar=True,
    help="Where to write what stdout says once the server answers.",
)
@click.option(
    "--allow-remote",
    is_flag=True,
    envvar="GCR_EMULATOR_ALLOW_REMOTE",
    show_envvar=True,
    help="Listen on other addresses than loopback; the administrative APIs then demand a token.",
)
@click.option(
    "--strict-admin",
    is_flag=True,
    envvar="GCR_EMULATOR_STRICT_ADMIN",
    show_envvar=True,
    help="Demand a token for the administrative APIs from local programs too.",
)
@click.option(
    "--open",
    is_flag=True,
    envvar="GCR_EMULATOR_OPEN",
    show_envvar=True,
    help="Ask nobody for a credential at the registry: programs of this machine may do everything there.",
)
@click.option(
    "--open-remote",
    is_flag=True,
    envvar="GCR_EMULATOR_OPEN_REMOTE",
    show_envvar=True,
    help="As --open, for other machines and web pages too; with --allow-remote, --open alone is refused.",
)
@click.option(
    "--tls",
    is_flag=True,
    envvar="GCR_EMULATOR_TLS",
    show_envvar=True,
    help="Speak TLS, with a certificate authority that is made at the first start: DATA/keys/ca.pem.",
)
@click.option(
    "--tls-name",
    "tls_names",
    type=options.parse_name,
    metavar="NAME",
    multiple=True,
    envvar="GCR_EMULATOR_TLS_NAME",
    show_envvar=True,
    help="One more name or address that the certificate is for; may be repeated.",
)
@click.option(
    "--tls-cert",
    type=_file,
    envvar="GCR_EMULATOR_TLS_CERT",
    show_envvar=True,
    help="Speak TLS with this certificate, or chain, in PEM.",
)
@click.option(
    "--tls-key",
    type=_file,
    envvar="GCR_EMULATOR_TLS_KEY",
    show_envvar=True,
    help="The key of --tls-cert, in PEM.",
)
@click.option(
    "--workers",
    type=click.IntRange(1, 64),
    envvar="GCR_EMULATOR_WORKERS",
    default=1,
    show_default=True,
    show_envvar=True,
    help="Processes that serve.",
)
@click.option(
    "--sparse-manifests",
    is_flag=True,
    envvar="GCR_EMULATOR_SPARSE_MANIFESTS",
    show_envvar=True,
    help="Take manifests and indexes of which something is missing, which Container Registry refuses.",
)
@click.option(
    "--redirect-blobs",
    is_flag=True,
    envvar="GCR_EMULATOR_REDIRECT_BLOBS",
    show_envvar=True,
    help="Answer a blob's GET with a redirect to a link that needs no credential, as Google's registries do.",
)
@click.option(
    "--gc-interval",
    "gc_interval_s",
    type=options.parse_duration,
    metavar="DURATION",
    envvar="GCR_EMULATOR_GC_INTERVAL",
    default="1h",
    show_default=True,
    show_envvar=True,
    help="How often to collect garbage and save a snapshot of the database, such as 90s or 30m; 0 is never.",
)
@click.option(
    "--gc-delay",
    type=options.parse_duration,
    metavar="DURATION",
    envvar="GCR_EMULATOR_GC_DELAY",
    show_envvar=True,
    help="How long to keep what no manifest needs, such as 30m or 7d: 24h unless said.",
)
@click.option(
    "--access-log",
    is_flag=True,
    envvar="GCR_EMULATOR_ACCESS_LOG",
    show_envvar=True,
    help="The same as --log-format json.",
)
@click.option(
    "--log-format",
    type=click.Choice(["text", "json"]),
    envvar="GCR_EMULATOR_LOG_FORMAT",
    show_envvar=True,
    help="Write a line to stderr for each request; text unless said where stderr is a terminal.",
)
@click.option(
    "--limit",
    "limits",
    metavar="NAME=NUMBER",
    multiple=True,
    envvar="GCR_EMULATOR_LIMIT",
    show_envvar=True,
    help="Another limit than the default, such as uploads=100; may be repeated.",
)
@click.option(
    "--create-on-push",
    is_flag=True,
    envvar="GCR_EMULATOR_CREATE_ON_PUSH",
    show_envvar=True,
    help="Make a repository of Artifact Registry by the first push to it.",
)
@click.option(
    "--metadata-account",
    type=options.parse_account_email,
    metavar="EMAIL",
    envvar="GCR_EMULATOR_METADATA_ACCOUNT",
    show_envvar=True,
    help="Be the metadata server of a machine with this service account, which is made if it is absent.",
)
@click.option(
    "--metadata-scope",
    "metadata_scopes",
    type=options.parse_scope,
    metavar="SCOPE",
    multiple=True,
    envvar="GCR_EMULATOR_METADATA_SCOPE",
    show_envvar=True,
    help="An access scope of that machine, such as devstorage.read_only; may be repeated. "
    "cloud-platform unless said.",
)
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
    # The server's libraries come with the extra, and take most of a second to load.
    from .server import serve as run

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
    machine = _make_machine(chosen.pop("metadata_account"), chosen.pop("metadata_scopes"))
    log_format = "json" if access_log else log_format
    return Settings(limits=bounds, machine=machine, log_format=log_format, **chosen)


def _make_machine(account: str | None, scopes: tuple[str, ...]) -> Machine | None:
    if account is None and scopes:
        raise click.UsageError("--metadata-scope needs --metadata-account")
    return None if account is None else make_machine(account, scopes)


def _check_tls(tls: bool, names: tuple[str, ...], certificate: Path | None, key: Path | None) -> None:
    """Refuse what would be passed over in silence."""
    if (certificate is None) != (key is None):
        raise click.UsageError("--tls-cert and --tls-key go together")
    if tls and certificate is not None:
        raise click.UsageError("--tls makes a certificate, --tls-cert brings one: give one of them")
    if names and not tls:
        raise click.UsageError("--tls-name needs --tls")
