"""Blobs as files: adopted whole, found where the layout says."""

from docker_credential_gcr.emulator.blobs.filesystem import BlobFiles

DIGEST = "sha256:" + "ab" * 32


def test_adopted_upload_is_the_blobs_file(tmp_path):
    files = BlobFiles(tmp_path)
    files.upload_path("one").write_bytes(b"bytes")
    files.adopt("one", "artifacts.p.appspot.com", DIGEST)
    path = tmp_path / "buckets/artifacts.p.appspot.com/containers/images/sha256/ab" / ("ab" * 32)
    assert files.path("artifacts.p.appspot.com", DIGEST) == path
    assert (path.read_bytes(), list((tmp_path / "uploads").iterdir())) == (b"bytes", [])


def test_clear_removes_every_byte(tmp_path):
    files = BlobFiles(tmp_path)
    for name in ("one", "two"):
        files.upload_path(name).write_bytes(b"bytes")
    files.adopt("one", "bucket", DIGEST)
    files.clear()
    assert sorted(path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*")) == [
        "buckets",
        "uploads",
    ]
