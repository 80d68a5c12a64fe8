"""The data directory: who holds it, and the secrets in it.

DATA/
  lock                  held by the server that uses the directory
  emulator.db           the database: also private keys that Google manages, secrets of AWS access keys; 0600
  emulator.db.snapshot  a copy of it, 0600, see upkeep/
  database-id           the identity of the database, see upkeep/database_identity.py
  keys/signing-key.pem  signs every token, 0600
  keys/issuer-key.pem   signs subject tokens for federation, 0600
  keys/id-token-key.pem signs ID tokens, 0600; made when the first is asked for
  keys/operator-token   administers the server, 0600
  keys/ca.pem …         under TLS, see tls.py
  pieces/               bytes of blobs and uploads over 64 KiB, see storage/pieces.py
  buckets/              those of blobs that an earlier version has taken
  run/                  what several workers count together, see telemetry/worker_counts.py; goes at the end
"""

import re
import secrets
import shutil
import stat
from collections.abc import Callable
from pathlib import Path

from filelock import FileLock, Timeout

from docker_credential_gcr.emulator.identity.federation.issuer import Issuer
from docker_credential_gcr.emulator.identity.id_tokens import IdTokenSigner
from docker_credential_gcr.emulator.identity.keys.service_account_keys import generate
from docker_credential_gcr.emulator.identity.tokens import Signer
from docker_credential_gcr.emulator.runtime.files import create_private_directory, find_status
from docker_credential_gcr.emulator.runtime.permissions import narrow_permissions
from docker_credential_gcr.files import create_file

from .data_layout import find_misplaced, holds_others

# What a bearer token can be. https://www.rfc-editor.org/rfc/rfc6750#section-2.1
_TOKEN = re.compile(rb"[A-Za-z0-9._~+/-]+=*")
_DELETE = "delete it, and the server makes another"
_PEM = re.compile(rb"-----BEGIN [A-Z ]*PRIVATE KEY-----\n.+\n-----END [A-Z ]*PRIVATE KEY-----\s*", re.DOTALL)


class DataDirectoryError(Exception):
    """The data directory cannot be used."""


class DataDirectoryInUse(DataDirectoryError):
    """Another process holds the data directory."""


class DataDirectory:
    """A data directory, held until it is closed; made if it was not there, readable by its owner alone.

    One that was there may be wider: `narrow_permissions` takes the rights of others away. `shared` is for
    the workers beside the one that holds it.
    """

    def __init__(self, path: Path, *, shared: bool = False) -> None:
        self.path = path.absolute()
        if shared:
            return
        try:
            _check_unshared(self.path)
            _check_layout(self.path)
            create_private_directory(self.path / "keys")
            self._lock = FileLock(self.path / "lock", timeout=0, mode=0o600)
            self._lock.acquire()
        except Timeout as error:
            raise DataDirectoryInUse(f"{path} is in use by another server: name another --data") from error
        except OSError as error:
            raise DataDirectoryError(f"cannot use {path}: {error.strerror}") from error

    @property
    def database_path(self) -> Path:
        """Where the database is."""
        return self.path / "emulator.db"

    @property
    def keys_path(self) -> Path:
        """Where the secrets are."""
        return self.path / "keys"

    @property
    def run_path(self) -> Path:
        """Where the files are that end with the server."""
        return self.path / "run"

    @property
    def operator_token_path(self) -> Path:
        """Where the operator token is."""
        return self.keys_path / "operator-token"

    def load_signer(self) -> Signer:
        """The signer of all tokens, made at the first start."""
        path = self.keys_path / "signing-key.pem"
        try:
            return Signer.from_pem(_load_or_create(path, lambda: Signer.generate().to_pem()))
        except ValueError as error:
            raise DataDirectoryError(
                f"{path} is no signing key: {_DELETE}, which voids all tokens"
            ) from error

    def load_issuer(self) -> Issuer:
        """The issuer of subject tokens, made at the first start."""
        path = self.keys_path / "issuer-key.pem"
        try:
            return Issuer.from_pem(_load_or_create(path, lambda: Issuer.generate().to_pem()))
        except ValueError as error:
            raise DataDirectoryError(f"{path} is no issuer's key: {_DELETE}") from error

    def load_id_token_signer(self) -> IdTokenSigner:
        """The signer of ID tokens, whose key any worker may have to make."""
        path = self.keys_path / "id-token-key.pem"
        # Its form alone: to load it takes a tenth of a second, when the first ID token is asked for.
        if path.exists() and not _PEM.fullmatch(path.read_bytes()):
            raise DataDirectoryError(f"{path} is no key of ID tokens: {_DELETE}")
        return IdTokenSigner(lambda: _load_or_create(path, lambda: generate().private_key.encode()))

    def load_operator_token(self) -> str:
        """The operator token, made at the first start."""
        path = self.operator_token_path
        token = _load_or_create(path, lambda: secrets.token_urlsafe(32).encode()).strip()
        if not _TOKEN.fullmatch(token):
            raise DataDirectoryError(
                f"{path} holds no operator token, which is letters, digits and -._~+/: {_DELETE}"
            )
        return token.decode()

    def narrow_permissions(self) -> str | None:
        """Takes the rights of other users away; the line that says so, None where they had none."""
        return narrow_permissions(self.path.resolve())

    def remove_older_uploads(self) -> None:
        """Removes what an earlier version kept of uploads in progress, which have ended."""
        shutil.rmtree(self.path / "uploads", ignore_errors=True)
        for name in ("uploads.slots", "uploads.slots.unreadable", "uploads.lock"):
            (self.path / name).unlink(missing_ok=True)

    def close(self) -> None:
        """Let another server have it."""
        self._lock.release()


def _check_unshared(path: Path) -> None:
    """Raises DataDirectoryError for a directory of all users, such as /tmp: it cannot be one user's alone."""
    status = find_status(path)
    is_open = status is not None and status.st_mode & stat.S_ISVTX and status.st_mode & stat.S_IWOTH
    # A file system in memory that was mounted for the data is as open at first.
    if is_open and holds_others(path):
        raise DataDirectoryError(f"{path} belongs to all users of this machine: name a directory in it")


def _check_layout(path: Path) -> None:
    misplaced = find_misplaced(path)
    if misplaced is not None:
        raise DataDirectoryError(misplaced)


def _load_or_create(path: Path, create: Callable[[], bytes]) -> bytes:
    if not path.exists():
        create_file(path, create())
    return path.read_bytes()
