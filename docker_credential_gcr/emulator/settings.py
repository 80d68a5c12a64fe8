"""The settings of a server, with their defaults: one frozen value."""

from dataclasses import dataclass, fields
from pathlib import Path

from .gce_instance import Instance

DEFAULT_PORT = 5000
# The bytes of one page of a listing, whatever clients wrote into its entries: less than a manifest may have.
MAX_PAGE_BYTES = 4 * 1024 * 1024 - 4096
# Where commands look for a server.
DEFAULT_URL = f"http://localhost:{DEFAULT_PORT}"


@dataclass(frozen=True)
class Limits:
    """What a client can send or hold: sizes in bytes, times in seconds."""

    manifest_size: int = 4 * 1024 * 1024
    # Counted from the upload's start, by the emulator's clock.
    upload_lifetime_s: float = 24 * 3600.0
    # What no manifest needs is collected so long after a client last relied on it.
    unused_lifetime_s: float = 24 * 3600.0
    # A client that never finishes what it begins stops at its own share, before all is taken.
    uploads: int = 10_000
    uploads_per_account: int = 1000
    # Pushes whose bodies are arriving: each can hold half a MiB that is not written yet.
    bodies: int = 1000
    # All other requests with bodies, which are small; a client that is silent gives way to a new one.
    other_bodies: int = 1000
    # Of either kind, bodies that are kept in memory until they are whole, together.
    bodies_size: int = 64 * 1024 * 1024
    # A client that sends nothing for so long in the middle of a body is gone.
    body_silence_s: float = 60.0
    # One that trickles is as good as gone: bytes a second, on top of the silence it is allowed.
    body_rate: int = 1024
    # Answers over 16 KiB that wait in memory for clients to read them, together.
    answers_size: int = 64 * 1024 * 1024
    # A client that reads nothing of an answer for so long is gone.
    answer_silence_s: float = 60.0
    # Also between two requests on one connection.
    header_silence_s: float = 30.0
    connections: int = 16_384
    # A second, for each address; 0 is without bound. Off: on loopback all clients are one address,
    # and a CI job that meets a limit nobody asked for is a riddle. Container Registry's own
    # is 50,000 in ten minutes. https://cloud.google.com/container-registry/quotas
    request_rate: float = 0.0
    request_burst: int = 1000
    # As long as a tag list may be in one reply without `n`; GCR has no bound.
    page_size: int = 1000
    scopes: int = 16

    @classmethod
    def parse(cls, texts: tuple[str, ...]) -> "Limits":
        """The limits after NAME=NUMBER, each of which may come once. Raises InvalidLimit."""
        chosen: dict[str, float] = {}
        kinds = {field.name: type(field.default) for field in fields(cls)}
        for text in texts:
            name, _, number = text.partition("=")
            if name not in kinds:
                raise InvalidLimit(f"no such limit: {name!r}; known are {', '.join(kinds)}")
            if name in chosen:
                raise InvalidLimit(f"the limit {name!r} is given more than once")
            chosen[name] = _parse_number(name, number, kinds[name])
        return cls(**chosen)  # type: ignore[arg-type]


class InvalidLimit(ValueError):
    """Not a limit; the message says why."""


@dataclass(frozen=True)
class Settings:
    """A server's settings; `data` None is a temporary directory that goes when it stops."""

    host: str = "127.0.0.1"
    port: int = DEFAULT_PORT
    # Addresses and ports at which it answers without TLS too, whatever the others do.
    plain: tuple[tuple[str, int], ...] = ()
    data: Path | None = None
    projects: tuple[str, ...] = ()
    # Hosts and ports: further ports at the same address, each for one host of the emulator's.
    sites: tuple[tuple[str, int], ...] = ()
    ready_file: Path | None = None
    # TLS with an authority of our own, which vouches for these names beside the table's; or with the
    # user's certificate and key.
    tls: bool = False
    tls_names: tuple[str, ...] = ()
    tls_cert: Path | None = None
    tls_key: Path | None = None
    # Processes that serve; the first is the one that is started.
    workers: int = 1
    allow_remote: bool = False
    strict_admin: bool = False
    # The registry asks nobody for a credential: programs of this machine, or whoever reaches it.
    open: bool = False
    open_remote: bool = False
    # Container Registry refuses a manifest of which something is missing.
    sparse_manifests: bool = False
    # A blob's GET leads to a link that needs no credential, as Google's registries answer.
    redirect_blobs: bool = False
    # Between one collection of garbage and the next; 0 is never.
    gc_interval_s: float = 3600
    # The journal is that of all workers, kept in the database.
    journal: bool = False
    # The form of the log on stderr, a name of telemetry.log.FORMATS; None writes none.
    log_format: str | None = None
    # Artifact Registry demands that a repository is made before anything is pushed to it.
    create_on_push: bool = False
    # Whose tokens the metadata server hands out; without a machine there is no metadata server.
    instance: Instance | None = None
    limits: Limits = Limits()


def _parse_number(name: str, text: str, kind: type) -> float:
    """A number that the limit can be: whole where its default is, and more than 0 but for a rate."""
    try:
        number: float = kind(text)
    except ValueError:
        number = -1
    # Beyond any clock, disk or table there is; and no NaN.
    if not 0 <= number <= 2**40 or (number == 0 and name != "request_rate"):
        what = "a whole number" if kind is int else "a number"
        raise InvalidLimit(f"the limit {name} is {what} above 0, not {text[:50]!r}")
    return number
