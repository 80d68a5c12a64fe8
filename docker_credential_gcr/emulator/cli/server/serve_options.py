"""The options of gcr-emulator serve and run; each can be given by a variable of its name."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from docker_credential_gcr.emulator.cli import options

F = TypeVar("F", bound=Callable[..., Any])
_file = click.Path(path_type=Path)


def _option(name: str, *declarations: str, **settings: Any) -> Callable[[F], F]:
    """Returns the option --NAME, which GCR_EMULATOR_NAME gives too."""
    variable = f"GCR_EMULATOR_{name.upper().replace('-', '_')}"
    return click.option(f"--{name}", *declarations, envvar=variable, show_envvar=True, **settings)


_OPTIONS: tuple[Callable[[Any], Any], ...] = (
    _option(
        "host",
        type=options.parse_host,
        metavar="HOST",
        default="127.0.0.1",
        show_default=True,
        help="The address to listen on.",
    ),
    _option(
        "port",
        type=click.IntRange(0, 65535),
        default=5000,
        show_default=True,
        help="0 takes a free one.",
    ),
    _option(
        "data",
        type=_file,
        help="The directory that holds everything. Without it, all is gone when the server stops.",
    ),
    _option(
        "project",
        "projects",
        type=options.parse_project_id,
        metavar="ID",
        multiple=True,
        help="A project to make if it is absent; may be repeated.",
    ),
    _option(
        "site",
        "sites",
        type=options.parse_site,
        metavar="HOST=PORT",
        multiple=True,
        help="One more port, which is for that host alone, such as eu.gcr.io=5001; may be repeated.",
    ),
    _option(
        "ready-file",
        type=_file,
        help="Where to write what stdout says once the server answers.",
    ),
    _option(
        "allow-remote",
        is_flag=True,
        help="Listen on other addresses than loopback; the administrative APIs then demand a token.",
    ),
    _option(
        "strict-admin",
        is_flag=True,
        help="Demand a token for the administrative APIs from local programs too.",
    ),
    _option(
        "open",
        is_flag=True,
        help="Ask nobody for a credential at the registry: programs of this machine may do everything there.",
    ),
    _option(
        "open-remote",
        is_flag=True,
        help="As --open, for other machines and web pages too; with --allow-remote, --open alone is refused.",
    ),
    _option(
        "tls",
        is_flag=True,
        help="Speak TLS, with a certificate authority that is made at the first start: DATA/keys/ca.pem.",
    ),
    _option(
        "tls-name",
        "tls_names",
        type=options.parse_name,
        metavar="NAME",
        multiple=True,
        help="One more name or address that the certificate is for; may be repeated.",
    ),
    _option(
        "tls-cert",
        type=_file,
        help="Speak TLS with this certificate, or chain, in PEM.",
    ),
    _option(
        "tls-key",
        type=_file,
        help="The key of --tls-cert, in PEM.",
    ),
    _option(
        "workers",
        type=click.IntRange(1, 64),
        default=1,
        show_default=True,
        help="Processes that serve.",
    ),
    _option(
        "journal",
        is_flag=True,
        help="Keep the journal of requests in the database, for all workers together.",
    ),
    _option(
        "sparse-manifests",
        is_flag=True,
        help="Take manifests and indexes of which something is missing, which Container Registry refuses.",
    ),
    _option(
        "redirect-blobs",
        is_flag=True,
        help="Answer a blob's GET with a redirect to a link that needs no credential, "
        "as Google's registries do.",
    ),
    _option(
        "gc-interval",
        "gc_interval_s",
        type=options.parse_duration,
        metavar="DURATION",
        default="1h",
        show_default=True,
        help="How often to collect garbage and save a snapshot of the database, "
        "such as 90s or 30m; 0 is never.",
    ),
    _option(
        "gc-delay",
        type=options.parse_duration,
        metavar="DURATION",
        help="How long to keep what no manifest needs, such as 30m or 7d: 24h unless said.",
    ),
    _option(
        "access-log",
        is_flag=True,
        help="The same as --log-format json.",
    ),
    _option(
        "log-format",
        type=click.Choice(["text", "json"]),
        help="Write a line to stderr for each request; text unless said where stderr is a terminal.",
    ),
    _option(
        "limit",
        "limits",
        metavar="NAME=NUMBER",
        multiple=True,
        help="Another limit than the default, such as uploads=100; may be repeated.",
    ),
    _option(
        "create-on-push",
        is_flag=True,
        help="Make a repository of Artifact Registry by the first push to it.",
    ),
    _option(
        "metadata-account",
        type=options.parse_account_email,
        metavar="EMAIL",
        help="Be the metadata server of a machine with this service account, which is made if it is absent.",
    ),
    _option(
        "metadata-scope",
        "metadata_scopes",
        type=options.parse_scope,
        metavar="SCOPE",
        multiple=True,
        help="An access scope of that machine, such as devstorage.read_only; may be repeated. "
        "cloud-platform unless said.",
    ),
)


def serve_options(command: F) -> F:
    """Gives the command every option, in the order of its help."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command
