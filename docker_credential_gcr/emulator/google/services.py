"""What Google's APIs are served from: handed over by the composition root."""

from dataclasses import dataclass

from docker_credential_gcr.emulator.blobs.filesystem import BlobFiles
from docker_credential_gcr.emulator.clock import Clock
from docker_credential_gcr.emulator.identity.assertions import RegisteredKey
from docker_credential_gcr.emulator.identity.id_tokens import IdTokenSigner
from docker_credential_gcr.emulator.identity.tokens import Signer
from docker_credential_gcr.emulator.records import keys
from docker_credential_gcr.emulator.records.database import Database


@dataclass(frozen=True)
class Services:
    """The records, the clock, the signing keys, how strictly administrators are told apart, and the bytes."""

    database: Database
    clock: Clock
    signer: Signer
    operator_token: str
    strict_admin: bool
    files: BlobFiles
    id_tokens: IdTokenSigner

    def find_key(self, key_id: str) -> RegisteredKey | None:
        """The service account key of that ID, as it is now."""
        with self.database.read() as connection:
            return keys.find(connection, key_id)
