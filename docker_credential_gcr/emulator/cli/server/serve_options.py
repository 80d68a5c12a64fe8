"""Options of gcr-emulator serve and run; each can also be set by a variable of its name."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from docker_credential_gcr.emulator.cli import options
from docker_credential_gcr.emulator.identity.redirection import DEFAULT_KIND, KINDS
from docker_credential_gcr.emulator.outgoing.errors import OutgoingRefused
from docker_credential_gcr.emulator.outgoing.rule import AllowedHost, parse_address, parse_allowed_host

F = TypeVar("F", bound=Callable[..., Any])
_file = click.Path(path_type=Path)


def _option(name: str, *declarations: str, **settings: Any) -> Callable[[F], F]:
    """Returns the option --NAME, which the variable GCR_EMULATOR_NAME also sets."""
    variable = f"GCR_EMULATOR_{name.upper().replace('-', '_')}"
    return click.option(f"--{name}", *declarations, **{"envvar": variable, "show_envvar": True, **settings})


def _parse_allowed_host(text: str) -> AllowedHost:
    """Parses a host of --allow-outgoing. Raises BadParameter."""
    try:
        return parse_allowed_host(text)
    except OutgoingRefused as error:
        raise click.BadParameter(
            f"{text[:100]!r} is not HOST or HOST:PORT, such as hooks.example.com:443: {error}"
        ) from error


def _parse_pubsub(text: str) -> tuple[str, int]:
    """Parses the host and port of --pubsub. Raises BadParameter."""
    try:
        return parse_address(text)
    except OutgoingRefused as error:
        raise click.BadParameter(
            f"{text[:100]!r} is not HOST:PORT, such as localhost:8085: {error}"
        ) from error


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
        help="The port to listen on; 0 takes a free one.",
    ),
    _option(
        "data",
        type=_file,
        help="The data directory. Without it, a temporary one is used, and deleted when the server stops.",
    ),
    _option(
        "database",
        metavar="URL",
        callback=options.check_password,
        help="A PostgreSQL database for everything but the bytes of images, such as postgresql://HOST/NAME; "
        "several servers may use it.",
    ),
    _option(
        "storage",
        metavar="URL",
        help="An object store for the bytes of images, s3://BUCKET or gs://BUCKET; it needs --database.",
    ),
    _option(
        "storage-endpoint",
        metavar="URL",
        help="The URL of an object store that is not Amazon's or Google's.",
    ),
    _option(
        "storage-public-endpoint",
        metavar="URL",
        help="The URL of the object store in the links of --redirect-blobs, if clients reach it elsewhere.",
    ),
    _option(
        "keys",
        type=_file,
        help="A directory for the server's keys, the same for all servers on one database. "
        "Without it, the database holds them.",
    ),
    _option(
        "external-url",
        type=options.parse_external_url,
        metavar="URL",
        help="The URL at which clients reach the server through a load balancer.",
    ),
    _option(
        "trusted-proxy",
        "trusted_proxies",
        type=options.parse_network,
        metavar="CIDR",
        multiple=True,
        help="A network of load balancers, whose X-Forwarded-For names the client; may be repeated.",
    ),
    _option(
        "allow-outgoing",
        type=_parse_allowed_host,
        metavar="HOST[:PORT]",
        multiple=True,
        help="A host that the server may send notifications to; may be repeated. Loopback needs no option "
        "while the server itself is on loopback.",
    ),
    _option(
        "pubsub",
        type=_parse_pubsub,
        metavar="HOST:PORT",
        help="Google's Pub/Sub emulator, which then gets the messages of topics gcr, for clients that "
        "speak gRPC.",
    ),
    _option(
        "drain",
        "drain_s",
        type=options.parse_duration,
        metavar="DURATION",
        default="0",
        show_default=True,
        help="How long to go on serving after SIGTERM, while /readyz answers 503, such as 5s: "
        "load balancers need that time.",
    ),
    _option(
        "project",
        "projects",
        type=options.parse_project_id,
        metavar="ID",
        multiple=True,
        help="A project to create if it is absent; may be repeated.",
    ),
    _option(
        "registry",
        type=click.Choice(KINDS),
        default=DEFAULT_KIND.value,
        show_default=True,
        # GCR_EMULATOR_REGISTRY is the address of a registry, for its clients.
        envvar="GCR_EMULATOR_REGISTRY_KIND",
        help="What serves the gcr.io names of new projects: Container Registry as it was, nothing any more "
        "(412, as for a project that never migrated), or Artifact Registry as it does today.",
    ),
    _option(
        "site",
        "sites",
        type=options.parse_site,
        metavar="HOST=PORT",
        multiple=True,
        help="Another port, for that host only, such as eu.gcr.io=5001; may be repeated.",
    ),
    _option(
        "ready-file",
        type=_file,
        help="A file for the line that stdout gets when the server is ready.",
    ),
    _option(
        "allow-remote",
        is_flag=True,
        help="Allow addresses other than loopback; the administrative APIs then require a token.",
    ),
    _option(
        "strict-admin",
        is_flag=True,
        help="Require a token for the administrative APIs from local programs too.",
    ),
    _option(
        "open",
        is_flag=True,
        help="Require no credential at the registry: programs of this machine may pull, push and delete.",
    ),
    _option(
        "open-remote",
        is_flag=True,
        help="Like --open, also for other machines and web pages; --allow-remote refuses --open alone.",
    ),
    _option(
        "tls",
        is_flag=True,
        help="Speak TLS, with a certificate authority that is created at the first start: DATA/keys/ca.pem.",
    ),
    _option(
        "tls-name",
        "tls_names",
        type=options.parse_name,
        metavar="NAME",
        multiple=True,
        help="Another name or address for the certificate; may be repeated.",
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
        help="The number of processes that serve.",
    ),
    _option(
        "journal",
        is_flag=True,
        help="Keep the journal of requests in the database, for all workers together.",
    ),
    _option(
        "sparse-manifests",
        is_flag=True,
        help="Accept manifests and indexes that name what is missing; Container Registry refuses them.",
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
        help="The time between two collections of garbage and snapshots of the database, "
        "such as 90s or 30m; 0 disables both.",
    ),
    _option(
        "gc-delay",
        type=options.parse_duration,
        metavar="DURATION",
        help="How long to keep what no manifest needs, such as 30m or 7d; the default is 24h.",
    ),
    _option(
        "access-log",
        is_flag=True,
        help="The same as --log-format json.",
    ),
    _option(
        "log-format",
        type=click.Choice(["text", "json"]),
        help="Write a line to stderr for each request; at a terminal, text is the default.",
    ),
    _option(
        "limit",
        "limits",
        metavar="NAME=NUMBER",
        multiple=True,
        help="A limit other than the default, such as uploads=100; may be repeated.",
    ),
    _option(
        "create-on-push",
        is_flag=True,
        help="Create a repository of Artifact Registry on the first push to it.",
    ),
    _option(
        "metadata-account",
        type=options.parse_account_email,
        metavar="EMAIL",
        help="Run the metadata server of an instance with this service account, which is created if absent.",
    ),
    _option(
        "metadata-scope",
        "metadata_scopes",
        type=options.parse_scope,
        metavar="SCOPE",
        multiple=True,
        help="An access scope of that instance, such as devstorage.read_only; may be repeated. "
        "The default is cloud-platform.",
    ),
)


def serve_options(command: F) -> F:
    """Gives the command every option, in the order of its help."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command
