"""Shared keys: the key files that all servers on one database have, from a mounted directory or the database.

Each server copies them into keys/ of its own data directory at its start, before it loads one:

  signing-key.pem, issuer-key.pem, id-token-key.pem, operator-token   see data_directory.py
  ca.pem, ca-key.pem        with TLS, see server/tls.py; each server issues a certificate of its own
  signing-key.fingerprint   in the database alone, if the keys are in a directory: a server whose directory
                            has another signing key is refused
"""

import os
from pathlib import Path

from docker_credential_gcr.emulator.identity.tokens import Signer
from docker_credential_gcr.emulator.runtime.files import create_private_directory, find_status
from docker_credential_gcr.emulator.runtime.permissions import narrow_permissions

from .data_directory import SIGNING_KEY, DataDirectory, DataDirectoryError
from .key_files import KeyDirectory, KeyFiles, load_or_create

FINGERPRINT = "signing-key.fingerprint"


def open_key_directory(path: Path) -> str | None:
    """Creates the directory of the keys if it is absent, and removes the permissions of other users.

    Returns a message about these; None if they had none. Raises OSError.
    """
    create_private_directory(path.absolute())
    # A read-only mount, such as a secret's in Kubernetes, has the modes that its manifest says.
    return narrow_permissions(path.resolve()) if os.access(path, os.W_OK) else None


def share_keys(directory: DataDirectory, table: KeyFiles, mounted: Path | None) -> KeyFiles:
    """Copies the keys of all servers on the database into the directory; creates those that are missing.

    They are in the directory `mounted`, or without one in the database. Returns where they are, for TLS.
    Raises DataDirectoryError and OSError.
    """
    if find_status(directory.database_path) is not None:
        raise DataDirectoryError(
            f"{directory.path} has a database of its own, emulator.db: copy it with gcr-emulator move, or "
            "name another --data"
        )
    if mounted is None:
        _check_table(table)
    source = table if mounted is None else KeyDirectory(mounted.absolute())
    if mounted is not None:
        _check_mounted(source, table)
    directory.take_keys(source)
    if mounted is not None:
        _check_fingerprint(directory.load_signer().fingerprint, table, source)
    return source


def _check_table(table: KeyFiles) -> None:
    """Raises DataDirectoryError if other servers have keys in a directory, which the database lacks."""
    if table.find(SIGNING_KEY) is None and table.find(FINGERPRINT) is not None:
        raise DataDirectoryError(
            "the other servers on this database have their keys in a directory: name it with --keys, or "
            f"delete {table.locate(FINGERPRINT)} to create new keys in the database"
        )


def _check_mounted(source: KeyFiles, table: KeyFiles) -> None:
    """Raises DataDirectoryError if the directory lacks the signing key that other servers have."""
    # The table first: servers that start together in one directory create the key before its row.
    held = next((name for name in (SIGNING_KEY, FINGERPRINT) if table.find(name) is not None), None)
    if held is not None and source.find(SIGNING_KEY) is None:
        raise DataDirectoryError(
            f"{source.locate(SIGNING_KEY)} is missing, and the other servers on this database have a signing "
            f"key: copy theirs, or delete {table.locate(held)} if all of them get a new one, which makes all "
            "tokens invalid"
        )


def _check_fingerprint(fingerprint: str, table: KeyFiles, source: KeyFiles) -> None:
    """Raises DataDirectoryError if the servers on the database have another signing key."""
    held = table.find(SIGNING_KEY)
    known = load_or_create(table, FINGERPRINT, fingerprint.encode) if held is None else _hash_key(held)
    if known != fingerprint.encode():
        name = FINGERPRINT if held is None else SIGNING_KEY
        raise DataDirectoryError(
            f"{source.locate(SIGNING_KEY)} is not the signing key of the other servers on this database: use "
            f"theirs, or delete {table.locate(name)} if all of them get this one, which makes all tokens "
            "invalid"
        )


def _hash_key(pem: bytes) -> bytes | None:
    """Returns the fingerprint of a signing key; None for anything else."""
    try:
        return Signer.from_pem(pem).fingerprint.encode()
    except ValueError:
        return None
