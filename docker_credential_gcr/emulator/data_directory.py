"""Data directory: its lock, and the secrets in it.

DATA/
  lock                  locked by the server that uses the directory
  emulator.db           the database, with keys that Google manages and secrets of AWS access keys; 0600
  emulator.db.snapshot  a copy of it, 0600, see maintenance/scheduler.py
  database-id           the identity of the database, see maintenance/database_identity.py
  keys/signing-key.pem  signs every token, 0600
  keys/issuer-key.pem   signs subject tokens for federation, 0600
  keys/id-token-key.pem signs ID tokens, 0600; created for the first of them
  keys/operator-token   administers the server, 0600
  keys/ca.pem …         under TLS, see server/tls.py
  pieces/               bytes of blobs and uploads over 64 KiB, see storage/pieces.py
  buckets/              bytes of blobs that an earlier version stored
  run/                  metrics of several workers, see telemetry/worker_counts.py; deleted at the end
  moved-to              where gcr-emulator move has copied all of it: the directory is no longer served
"""

import re
import secrets
import shutil
import stat
from collections.abc import Callable, Mapping
from pathlib import Path

from filelock import FileLock, Timeout

from docker_credential_gcr.emulator.identity.federation.issuer import Issuer
from docker_credential_gcr.emulator.identity.id_tokens import IdTokenSigner
from docker_credential_gcr.emulator.identity.keys.service_account_keys import generate
from docker_credential_gcr.emulator.identity.tokens import Signer
from docker_credential_gcr.emulator.runtime.files import create_private_directory, find_status, read_file
from docker_credential_gcr.emulator.runtime.permissions import narrow_permissions
from docker_credential_gcr.files import replace_file

from .data_layout import MOVED, find_misplaced, has_foreign_entries
from .key_files import KeyDirectory, KeyFiles, load_or_create
from .operator_token import FORM, parse_operator_token

SIGNING_KEY, ISSUER_KEY, ID_TOKEN_KEY = "signing-key.pem", "issuer-key.pem", "id-token-key.pem"
OPERATOR_TOKEN = "operator-token"
# The certificate authority under TLS, see server/tls.py.
AUTHORITY = ("ca.pem", "ca-key.pem")
# Creates the content of each.
NEW_KEYS: Mapping[str, Callable[[], bytes]] = {
    SIGNING_KEY: lambda: Signer.generate().to_pem(),
    ISSUER_KEY: lambda: Issuer.generate().to_pem(),
    ID_TOKEN_KEY: lambda: generate().private_key.encode(),
    OPERATOR_TOKEN: lambda: secrets.token_urlsafe(32).encode(),
}
_DELETE = "delete it, and the server creates another"
_PEM = re.compile(rb"-----BEGIN [A-Z ]*PRIVATE KEY-----\n.+\n-----END [A-Z ]*PRIVATE KEY-----\s*", re.DOTALL)


class DataDirectoryError(Exception):
    """The data directory cannot be used."""


class DataDirectoryInUse(DataDirectoryError):
    """Another process has locked the data directory."""


class DataDirectory:
    """A data directory, locked until it is closed; created if it is absent, for its owner only.

    An existing one may have wider permissions: `narrow_permissions` removes those of others. `shared` is for
    the other workers of the server that has locked it, `accepts_moved` for the command that moves it.
    """

    def __init__(self, path: Path, *, shared: bool = False, accepts_moved: bool = False) -> None:
        self.path = path.absolute()
        # Whether another process of the server has locked it.
        self.is_shared = shared
        self._keys = KeyDirectory(self.keys_path)
        # Where the keys are from, for messages.
        self._source: KeyFiles = self._keys
        self._has_preset = False
        if shared:
            return
        try:
            _check_unshared(self.path)
            _check_layout(self.path)
            if not accepts_moved:
                _check_not_moved(self.path)
            create_private_directory(self.path / "keys")
            self._lock = FileLock(self.path / "lock", timeout=0, mode=0o600)
            self._lock.acquire()
        except Timeout as error:
            raise DataDirectoryInUse(f"{path} is in use by another server: name another --data") from error
        except OSError as error:
            raise DataDirectoryError(f"cannot use {path}: {error.strerror}") from error

    @property
    def database_path(self) -> Path:
        """Returns the path of the database."""
        return self.path / "emulator.db"

    @property
    def keys_path(self) -> Path:
        """Returns the directory of the secrets."""
        return self.path / "keys"

    @property
    def run_path(self) -> Path:
        """Returns the directory of the files that are deleted when the server stops."""
        return self.path / "run"

    @property
    def operator_token_path(self) -> Path:
        """Returns the path of the operator token."""
        return self.keys_path / OPERATOR_TOKEN

    @property
    def is_moved(self) -> bool:
        """Returns whether `mark_moved` has marked the directory."""
        return find_status(self.path / MOVED) is not None

    def read_keys(self) -> dict[str, bytes]:
        """Returns the keys that servers on one database would share, by the names of their files."""
        found = {name: self._keys.find(name) for name in (*NEW_KEYS, *AUTHORITY)}
        return {name: content for name, content in found.items() if content is not None}

    def preset_operator_token(self, token: str) -> None:
        """Replaces the operator token by one that the user has chosen."""
        replace_file(self.operator_token_path, token.encode())
        self._has_preset = True

    def take_keys(self, source: KeyFiles) -> None:
        """Replaces the keys by those of `source`, which creates those that it lacks.

        A preset operator token stays. Raises DataDirectoryError for what is not a key, OSError, and what
        `source` raises.
        """
        for name, create in NEW_KEYS.items():
            if not (name == OPERATOR_TOKEN and self._has_preset):
                replace_file(self.keys_path / name, load_or_create(source, name, create))
        self._source = source
        for load in (
            self.load_signer,
            self.load_issuer,
            self.load_id_token_signer,
            self.load_operator_token,
        ):
            load()

    def load_signer(self) -> Signer:
        """Returns the signer of all tokens; creates its key at the first start."""
        try:
            return Signer.from_pem(self._load(SIGNING_KEY))
        except ValueError as error:
            raise DataDirectoryError(
                f"{self._source.locate(SIGNING_KEY)} is not a signing key: {_DELETE}, which makes all tokens "
                "invalid"
            ) from error

    def load_issuer(self) -> Issuer:
        """Returns the issuer of subject tokens; creates its key at the first start."""
        try:
            return Issuer.from_pem(self._load(ISSUER_KEY))
        except ValueError as error:
            raise DataDirectoryError(
                f"{self._source.locate(ISSUER_KEY)} is not an issuer's key: {_DELETE}"
            ) from error

    def load_id_token_signer(self) -> IdTokenSigner:
        """Returns the signer of ID tokens; any worker creates the key if it is absent."""
        path = self.keys_path / ID_TOKEN_KEY
        # Checks the form only: loading takes 0.1 s, at the first ID token.
        if path.exists() and not _PEM.fullmatch(path.read_bytes()):
            raise DataDirectoryError(
                f"{self._source.locate(ID_TOKEN_KEY)} is not a key for ID tokens: {_DELETE}"
            )
        return IdTokenSigner(lambda: self._load(ID_TOKEN_KEY))

    def load_operator_token(self) -> str:
        """Returns the operator token; creates it at the first start."""
        token = parse_operator_token(self._load(OPERATOR_TOKEN))
        if token is None:
            raise DataDirectoryError(f"{self._source.locate(OPERATOR_TOKEN)} does not hold {FORM}: {_DELETE}")
        return token

    def _load(self, name: str) -> bytes:
        return load_or_create(self._keys, name, NEW_KEYS[name])

    def narrow_permissions(self) -> str | None:
        """Removes the permissions of other users; returns a message about it, None if they had none."""
        return narrow_permissions(self.path.resolve())

    def remove_older_uploads(self) -> None:
        """Deletes files in which an earlier version stored uploads in progress."""
        shutil.rmtree(self.path / "uploads", ignore_errors=True)
        for name in ("uploads.slots", "uploads.slots.unreadable", "uploads.lock"):
            (self.path / name).unlink(missing_ok=True)

    def close(self) -> None:
        """Releases the lock."""
        self._lock.release()


def _check_unshared(path: Path) -> None:
    """Raises DataDirectoryError for a directory of all users, such as /tmp."""
    status = find_status(path)
    is_open = status is not None and status.st_mode & stat.S_ISVTX and status.st_mode & stat.S_IWOTH
    # A tmpfs that was mounted for the data has the same mode, and is empty.
    if is_open and has_foreign_entries(path):
        raise DataDirectoryError(f"{path} belongs to all users of this machine: name a directory in it")


def _check_layout(path: Path) -> None:
    misplaced = find_misplaced(path)
    if misplaced is not None:
        raise DataDirectoryError(misplaced)


# A URL's user and password, and its query, which may hold another password.
_CREDENTIALS = re.compile(r"(?<=://)\S*@|\?\S*")


def mark_moved(path: Path, where: str) -> None:
    """Marks a data directory as moved: no server or command uses it again. Raises OSError.

    `where` names the database and the store in messages; passwords in its URLs are left out.
    """
    replace_file(path / MOVED, f"{_CREDENTIALS.sub('', where)}\n".encode())


def _check_not_moved(path: Path) -> None:
    """Raises DataDirectoryError for a directory that `mark_moved` has marked. Raises OSError."""
    marker = path / MOVED
    if find_status(marker) is not None:
        where = " ".join(read_file(marker).decode("utf-8", "replace").split())
        raise DataDirectoryError(
            f"{path} was moved to {where}: serve that, or delete {marker} to serve this copy again"
        )
