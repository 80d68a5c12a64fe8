"""Fixtures of maintenance: an emulator on its own data directory, running or stopped."""

import shutil

import pytest
import requests
from support.images import OCI_EMPTY, OCI_INDEX, OCI_MANIFEST, digest_of
from support.shared_places import SharedPlace
from support.sqlite_files import ask

from docker_credential_gcr.emulator.server.in_thread import InThread
from docker_credential_gcr.emulator.settings import Limits, Settings

DAY_S = 24 * 3600
NOW = 1_800_000_000
REPOSITORY = "my-project/app"
LARGE = b"large layer " * 10_000


class RunningEmulator:
    """A running emulator with a stopped clock, its data directory, and a client with the role editor."""

    def __init__(self, ready, data, editor):
        self.url = ready.url
        self.data = data
        self.editor = editor
        self.set_clock(NOW)

    def set_clock(self, now):
        requests.put(f"{self.url}/_emulator/clock", json={"now": now}, timeout=30).raise_for_status()

    def gc(self, **options):
        answer = requests.post(f"{self.url}/_emulator/gc", json=options, timeout=60)
        answer.raise_for_status()
        return {kind: count for kind, count in answer.json().items() if count}

    def delete(self, reference, repository=REPOSITORY):
        path = f"/v2/{repository}/manifests/{reference}"
        return self.editor.delete(path, repository=repository).status_code

    def status(self, kind, reference, repository=REPOSITORY, method="GET"):
        token = self.editor.token(f"repository:{repository}:pull")
        return self.editor.call(method, f"/v2/{repository}/{kind}/{reference}", token=token).status_code

    def mount(self, digest, repository, source=REPOSITORY):
        token = self.editor.token(f"repository:{repository}:pull,push", f"repository:{source}:pull")
        path = f"/v2/{repository}/blobs/uploads/?mount={digest}&from={source}"
        return self.editor.call("POST", path, token=token).status_code

    def files(self):
        """Returns the digests of the files of blobs and uploads, each of one piece."""
        found = (path.read_bytes() for path in self.data.glob("pieces/*/*"))
        return sorted(map(digest_of, found))

    def count(self, table):
        return self.ask(f"SELECT count(*) FROM {table}")  # noqa: S608 - names of the schema

    def used_at(self, digest):
        return self.ask("SELECT used_at FROM blob_links JOIN blobs ON blob = id WHERE digest = ?", digest)

    def ask(self, statement, *values):
        """Returns the only value that the statement selects."""
        ((value,),) = ask(self.data / "emulator.db", statement, *values)
        return value


def fill(registry):
    """Pushes two images to two repositories, an index, a referrer, a part of an upload; returns digests."""
    editor = registry.editor
    image = editor.push_image(REPOSITORY, "v1", LARGE, b"small layer")
    other = editor.push_image("my-project/other", "v1", b"another layer")
    named = {"mediaType": OCI_MANIFEST, "digest": image, "size": 1}
    index = {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [named]}
    pushed = editor.put_manifest(REPOSITORY, "all", index, OCI_INDEX)
    config = editor.push_blob(REPOSITORY, b"{}", OCI_EMPTY)
    signature = {"schemaVersion": 2, "config": config, "layers": [], "subject": named}
    signed = editor.put_manifest(REPOSITORY, "signature", signature)
    assert (pushed.status_code, signed.status_code) == (201, 201)
    token = editor.token(f"repository:{REPOSITORY}:pull,push")
    started = editor.call("POST", f"/v2/{REPOSITORY}/blobs/uploads/", token=token)
    assert editor.call("PATCH", started.headers["Location"], token=token, data=LARGE).status_code == 202
    return {
        "image": image,
        "other": other,
        "index": pushed.headers["Docker-Content-Digest"],
        "signature": signed.headers["Docker-Content-Digest"],
        "large": digest_of(LARGE),
    }


@pytest.fixture(scope="session")
def filled(tmp_path_factory, editor_of):
    """Returns (data directory, digests) of a stopped emulator with the content of `fill`."""
    data = tmp_path_factory.mktemp("filled") / "data"
    thread = InThread(Settings(port=0, data=data, gc_interval_s=0))
    with thread as ready:
        digests = fill(RunningEmulator(ready, data, editor_of(ready.url)))
    return data, digests


@pytest.fixture
def digests(filled):
    return filled[1]


@pytest.fixture
def stopped(filled, tmp_path):
    """Returns a copy of that data directory."""
    return shutil.copytree(filled[0], tmp_path / "data")


@pytest.fixture
def serving(tmp_path, editor_of):
    """Starts an emulator on the test's data directory: `with serving(limits) as registry`."""

    class Serving:
        def __init__(self, **settings):
            self._thread = InThread(Settings(port=0, data=tmp_path / "data", **settings))

        def __enter__(self):
            ready = self._thread.__enter__()
            return RunningEmulator(ready, tmp_path / "data", editor_of(ready.url))

        def __exit__(self, *error):
            self._thread.__exit__(*error)

    return Serving


@pytest.fixture
def registry(serving):
    with serving(limits=Limits(unused_lifetime_s=DAY_S), gc_interval_s=0) as registry:
        yield registry


@pytest.fixture
def place(database_url, seaweedfs, monkeypatch):
    """Returns an empty database and an empty folder of a bucket; sets the credentials of the store."""
    for name, value in seaweedfs.environ.items():
        monkeypatch.setenv(name, value)
    return SharedPlace(database_url, seaweedfs)


@pytest.fixture
def moved(place, stopped, run):
    """Returns that place with the content of `fill`, without a server."""
    assert run("move", "--data", stopped, *place.options)[0] == 0
    return place
