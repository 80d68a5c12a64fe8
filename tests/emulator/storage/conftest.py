"""Object stores for tests: SeaweedFS, moto, and Cloud Storage's API in front of SeaweedFS."""

import json
import os
import uuid
from collections.abc import Callable, Iterator

import pytest
from support.servers.gcs_front import GcsFront
from support.servers.loopback import serving
from support.servers.moto import Moto
from support.servers.seaweedfs import ANONYMOUS_BUCKET, SeaweedFs

from docker_credential_gcr.emulator.storage.object_store import ObjectStore
from docker_credential_gcr.emulator.storage.open_store import open_store

BUCKET = "images"


@pytest.fixture
def set_environ(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Sets the variables of Amazon's and Google's clients to these, and no others."""

    def set_environ(**variables: str) -> None:
        for name in os.environ:
            if name.startswith(("AWS_", "GOOGLE_", "GCE_")):
                monkeypatch.delenv(name)
        for name, value in variables.items():
            monkeypatch.setenv(name, value)

    set_environ()
    return set_environ


@pytest.fixture
def folder() -> str:
    """Returns the name of a folder that no other test uses."""
    return uuid.uuid4().hex


@pytest.fixture
def seaweedfs_store(seaweedfs: SeaweedFs, set_environ: Callable[..., None], folder: str) -> ObjectStore:
    seaweedfs.create_bucket(BUCKET)
    set_environ(**seaweedfs.environ)
    return open_store(f"s3://{BUCKET}/{folder}", endpoint=seaweedfs.url)


@pytest.fixture
def moto_store(moto: Moto, set_environ: Callable[..., None], folder: str) -> ObjectStore:
    moto.create_bucket(BUCKET)
    set_environ(**moto.environ)
    return open_store(f"s3://{BUCKET}/{folder}", endpoint=moto.url)


@pytest.fixture
def gcs_front(seaweedfs: SeaweedFs) -> Iterator[GcsFront]:
    with serving(GcsFront(seaweedfs.url)) as front:
        yield front


@pytest.fixture
def gcs_store(
    gcs_front: GcsFront, set_environ: Callable[..., None], folder: str, private_key: str
) -> ObjectStore:
    key = {
        "private_key": private_key,
        "private_key_id": "1",
        "client_email": "store@p.iam.gserviceaccount.com",
    }
    set_environ(GOOGLE_SERVICE_ACCOUNT_KEY=json.dumps(key))
    return open_store(f"gs://{ANONYMOUS_BUCKET}/{folder}", endpoint=gcs_front.url)
