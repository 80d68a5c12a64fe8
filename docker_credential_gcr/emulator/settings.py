"""The settings of a server, with their defaults: one frozen value."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Limits:
    """What a client can send or hold; sizes in bytes."""

    manifest_size: int = 4 * 1024 * 1024
    token_body_size: int = 64 * 1024
    upload_lifetime_s: float = 24 * 3600
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
    allow_remote: bool = False
    strict_admin: bool = False
    # Container Registry refuses a manifest of which something is missing.
    sparse_manifests: bool = False
    # Artifact Registry demands that a repository is made before anything is pushed to it.
    create_on_push: bool = False
    limits: Limits = Limits()
