"""What a server shows under TLS, as files; tls.py makes them, and loads what takes time for it."""

from dataclasses import dataclass
from pathlib import Path


class CertificateError(Exception):
    """The server cannot show a certificate."""


@dataclass(frozen=True)
class Identity:
    """The files of the server's certificate and its key, and of the authority if that is our own."""

    certificate: Path
    key: Path
    ca: Path | None = None
