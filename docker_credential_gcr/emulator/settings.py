"""The settings of a server, with their defaults: one frozen value."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Limits:
    """What a client can send or hold; sizes in bytes."""

    manifest_size: int = 4 * 1024 * 1024
    token_body_size: int = 64 * 1024
    upload_lifetime_s: float = 24 * 3600
    # What no manifest needs is collected so long after a client last relied on it.
    unused_lifetime_s: float = 24 * 3600
    # A client that sends nothing for so long in the middle of a body is gone.
    body_silence_s: float = 60.0
    # As long as a tag list may be in one reply without `n`; GCR has no bound.
    page_size: int = 1000
    scopes: int = 16


@dataclass(frozen=True)
class Settings:
    """A server's settings; `data` None is a temporary directory that goes when it stops."""

    host: str = "127.0.0.1"
    port: int = 5000
    data: Path | None = None
    projects: tuple[str, ...] = ()
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
    # Container Registry refuses a manifest of which something is missing.
    sparse_manifests: bool = False
    # Between one collection of garbage and the next; 0 is never.
    gc_interval_s: float = 3600
    limits: Limits = Limits()

    @property
    def has_tls(self) -> bool:
        """Whether the server speaks TLS."""
        return self.tls or self.tls_cert is not None
