"""Settings of a server with their defaults: one frozen value."""

from dataclasses import dataclass, field, fields
from pathlib import Path

from .gce_instance import Instance
from .identity.redirection import DEFAULT_KIND, RegistryKind

DEFAULT_PORT = 5000
# The bytes of one page of a listing, whatever clients wrote into its entries: less than a manifest may have.
MAX_PAGE_BYTES = 4 * 1024 * 1024 - 4096
# The default --server of commands.
DEFAULT_URL = f"http://localhost:{DEFAULT_PORT}"


@dataclass(frozen=True)
class Limits:
    """Limits of what clients can send and use: sizes in bytes, times in seconds."""

    manifest_size: int = 4 * 1024 * 1024
    # From the upload's start, by the emulator's clock.
    upload_lifetime_s: float = 24 * 3600.0
    # Garbage collection removes what no manifest needs, this long after a client last used it.
    unused_lifetime_s: float = 24 * 3600.0
    # Uploads in progress: a client that finishes none reaches its own limit before the common one.
    uploads: int = 10_000
    uploads_per_account: int = 1000
    # Pushes whose bodies are being received: each can buffer half a MiB.
    bodies: int = 1000
    # Other requests with bodies, which are small; at the limit, a new client replaces a silent one.
    other_bodies: int = 1000
    # Bodies of both kinds that are in memory until they are complete, together.
    bodies_size: int = 64 * 1024 * 1024
    # A client that sends nothing for that long within a body is disconnected.
    body_silence_s: float = 60.0
    # Also one that sends fewer bytes a second, after the permitted silence.
    body_rate: int = 1024
    # Responses over 16 KiB that are in memory until clients read them, together.
    answers_size: int = 64 * 1024 * 1024
    # A client that reads nothing of a response for that long is disconnected.
    answer_silence_s: float = 60.0
    # Also between two requests on one connection.
    header_silence_s: float = 30.0
    connections: int = 16_384
    # A second, for each address; 0 is no limit. Off by default: on loopback all clients have one address, and
    # a limit that no user has set would be hard to find in a CI job. Container Registry's own
    # is 50,000 in ten minutes. https://cloud.google.com/container-registry/quotas
    request_rate: float = 0.0
    request_burst: int = 1000
    # Entries of a tag list in one response without `n`; Container Registry has no limit.
    page_size: int = 1000
    scopes: int = 16
    # Messages that a subscription of Pub/Sub keeps; beyond that the oldest are dropped.
    pubsub_messages: int = 10_000
    pubsub_size: int = 64 * 1024 * 1024
    # A pull without messages waits that long, in real time.
    pull_wait_s: float = 20.0
    # One page of CopyFromGCR ends after so many images, or once it has copied so many bytes.
    copied_images: int = 100
    copied_size: int = 256 * 1024 * 1024
    # What happened to images is kept that long, by the emulator's clock, and so many events at most.
    event_lifetime_s: float = 7 * 24 * 3600.0
    events: int = 100_000
    # Deliveries that wait for one webhook: beyond that the oldest are dropped. As many ended ones are kept.
    deliveries: int = 10_000

    @classmethod
    def parse(cls, texts: tuple[str, ...]) -> "Limits":
        """Parses limits, NAME=NUMBER, each at most once. Raises InvalidLimit."""
        chosen: dict[str, float] = {}
        kinds = {each.name: type(each.default) for each in fields(cls)}
        for text in texts:
            name, _, number = text.partition("=")
            if name not in kinds:
                raise InvalidLimit(f"no such limit: {name!r}; known are {', '.join(kinds)}")
            if name in chosen:
                raise InvalidLimit(f"the limit {name!r} is given twice: give it once")
            chosen[name] = _parse_number(name, number, kinds[name])
        return cls(**chosen)  # type: ignore[arg-type]


class InvalidLimit(ValueError):
    """Text that is not a limit; the message says why."""


@dataclass(frozen=True)
class Settings:
    """A server's settings; `data` None is a temporary directory, deleted when it stops."""

    host: str = "127.0.0.1"
    port: int = DEFAULT_PORT
    # Additional addresses and ports, always without TLS.
    plain: tuple[tuple[str, int], ...] = ()
    data: Path | None = None
    # The URL of a PostgreSQL database, perhaps with a password, in place of the one in the data directory.
    database: str | None = field(default=None, repr=False)
    # s3://BUCKET/FOLDER or gs://BUCKET/FOLDER in place of the files in the data directory; the URL of the
    # store if it is not Amazon's or Google's, and the one that clients reach it at.
    storage: str | None = None
    storage_endpoint: str | None = None
    storage_public_endpoint: str | None = None
    # The directory of the keys, which all servers on one database have; None keeps them in the database.
    keys: Path | None = None
    # The operator token; None keeps that of the data directory, or of the other servers.
    operator_token: str | None = field(default=None, repr=False)
    # The URL at which clients reach a load balancer, and the networks from which it forwards requests.
    external_url: str | None = None
    trusted_proxies: tuple[str, ...] = ()
    # Hosts that the server may send requests to, each with a port, or None for every port.
    allow_outgoing: tuple[tuple[str, int | None], ...] = ()
    # Host and port of a Pub/Sub emulator by Google, which has the topics gcr; None: they are in the database.
    pubsub: tuple[str, int] | None = None
    # How long the server goes on accepting after SIGTERM, while /readyz answers 503.
    drain_s: float = 0
    projects: tuple[str, ...] = ()
    # What serves the gcr.io names of new projects, and requests without a project.
    registry: RegistryKind = DEFAULT_KIND
    # Hosts and ports: additional ports at the same address, each for one of the emulator's hosts.
    sites: tuple[tuple[str, int], ...] = ()
    ready_file: Path | None = None
    # TLS with the emulator's own authority, and names in addition to those of sites/hosts.py; or with the
    # user's certificate and key.
    tls: bool = False
    tls_names: tuple[str, ...] = ()
    tls_cert: Path | None = None
    tls_key: Path | None = None
    # Processes that serve, including the first.
    workers: int = 1
    allow_remote: bool = False
    strict_admin: bool = False
    # The registry requires no credential: from programs of this machine, or from any client.
    open: bool = False
    open_remote: bool = False
    # Accept a manifest that names what is missing; Container Registry refuses it.
    sparse_manifests: bool = False
    # Answer a blob's GET with a redirect to a URL that needs no credential, as Google's registries do.
    redirect_blobs: bool = False
    # Between two collections of garbage; 0 is never.
    gc_interval_s: float = 3600
    # One journal for all workers, in the database.
    journal: bool = False
    # The form of the log on stderr, a name of telemetry.access_log.FORMATS; None is no log.
    log_format: str | None = None
    # Create a repository of Artifact Registry on first push; Google requires that it exists.
    create_on_push: bool = False
    # The metadata server's instance; None without a metadata server.
    instance: Instance | None = None
    limits: Limits = Limits()

    @property
    def is_proxied(self) -> bool:
        """Returns whether a load balancer is in front of the server: then no request is known to be local."""
        return self.external_url is not None or self.trusted_proxies != ()

    @property
    def requires_token(self) -> bool:
        """Returns whether the administrative APIs require a token from local programs too."""
        return self.strict_admin or self.allow_remote or self.is_proxied


def _parse_number(name: str, text: str, kind: type) -> float:
    """Parses a limit: an integer if its default is one; above 0, except request_rate. Raises InvalidLimit."""
    try:
        number: float = kind(text)
    except ValueError:
        number = -1
    # 2**40 is above any clock, disk or table; the comparison is false for NaN.
    if not 0 <= number <= 2**40 or (number == 0 and name != "request_rate"):
        expected = "a whole number" if kind is int else "a number"
        raise InvalidLimit(f"the limit {name} is {expected} above 0, not {text[:50]!r}")
    return number
