"""SeaweedFS as the object store of tests: what they need of it."""

import obstore
import pytest
from obstore.exceptions import BaseError, PermissionDeniedError
from obstore.store import S3Store
from support.servers.seaweedfs import ANONYMOUS_BUCKET, NEEDS, SeaweedFs, running_seaweedfs

pytestmark = NEEDS


def open_bucket(server: SeaweedFs, name: str, **config: object) -> S3Store:
    return S3Store(
        name,
        config={"endpoint": server.url, "region": "us-east-1", **config},
        client_options={"allow_http": True, "timeout": "2s"},
        retry_config={"max_retries": 0},
    )


def test_a_server_that_was_killed_starts_with_its_objects(tmp_path):
    with running_seaweedfs(tmp_path / "server") as server:
        bucket = open_bucket(server, ANONYMOUS_BUCKET, skip_signature=True)
        obstore.put(bucket, "key", b"bytes")
        server.stop()
        with pytest.raises(BaseError):
            obstore.get(bucket, "key")

        server.start()

        assert obstore.get(bucket, "key").bytes() == b"bytes"


def test_a_server_that_is_paused_answers_nothing_until_it_is_resumed(tmp_path):
    with running_seaweedfs(tmp_path / "server") as server:
        bucket = open_bucket(server, ANONYMOUS_BUCKET, skip_signature=True)
        server.pause()
        with pytest.raises(BaseError, match="Timeout"):
            obstore.head(bucket, "key")

        server.resume()

        with pytest.raises(FileNotFoundError):
            obstore.head(bucket, "key")


def test_other_buckets_need_the_credentials(seaweedfs):
    seaweedfs.create_bucket("guarded")
    key = {"access_key_id": seaweedfs.environ["AWS_ACCESS_KEY_ID"], "secret_access_key": "wrong"}
    for config in (key, {"skip_signature": True}):
        with pytest.raises(PermissionDeniedError):
            obstore.put(open_bucket(seaweedfs, "guarded", **config), "key", b"bytes")
