"""An upload's bytes are in the hands of one request at a time, whichever worker has it."""

import asyncio
import types

import pytest

from docker_credential_gcr.emulator.blobs.claims import Claims
from docker_credential_gcr.emulator.blobs.filesystem import BlobFiles
from docker_credential_gcr.emulator.hosts import locate
from docker_credential_gcr.emulator.records.database import Database
from docker_credential_gcr.emulator.records.uploads import Upload
from docker_credential_gcr.emulator.registry.errors import UploadUnknown
from docker_credential_gcr.emulator.registry.noted_uploads import NotedUploads
from docker_credential_gcr.emulator.registry.upload_spools import writing

UPLOAD_ID = "0f" * 16


@pytest.mark.parametrize("data", [None, b"", b"few bytes"])
def test_bytes_that_another_worker_took_stay_when_this_one_is_late(tmp_path, data):
    database = Database(tmp_path / "emulator.db", shared=True)
    services = types.SimpleNamespace(
        claims=Claims(tmp_path / "uploads.lock"),
        database=database,
        files=BlobFiles(tmp_path),
        spools={},
        known_uploads={},
        noted=NotedUploads(tmp_path / "uploads.slots"),
        uploads_since=lambda: 0,
    )
    file = services.files.upload_path(UPLOAD_ID)
    file.write_bytes(b"another worker's")
    # The row as it was before the other worker moved it on.
    stale = Upload(UPLOAD_ID, 0, "serviceAccount:a@p.iam.gserviceaccount.com", len(data or b""), data)

    async def write():
        async with writing(services, locate("gcr.io", "my-project/app"), stale):
            raise AssertionError("it is not this worker's turn")

    with pytest.raises(UploadUnknown):
        asyncio.run(write())
    assert file.read_bytes() == b"another worker's"
    assert services.claims.claim(UPLOAD_ID)
    database.close()
