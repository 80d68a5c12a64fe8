"""References of a manifest, of any kind, are kept; what no manifest names is deleted (Z15)."""

import contextlib
import hashlib
import json

import pytest
from sqlalchemy import text
from support.sqlite_files import UNDO_0006, make_older, opened

from docker_credential_gcr.emulator.database.engine.sqlite import SqliteDatabase
from docker_credential_gcr.emulator.database.images import untagged
from docker_credential_gcr.emulator.oci.media_types import FOREIGN_LAYERS
from docker_credential_gcr.emulator.server.in_thread import InThread
from docker_credential_gcr.emulator.settings import Settings

REPOSITORY = "my-project/app"
OCI = "application/vnd.oci.image"
OCI_MANIFEST, OCI_INDEX, LAYER = f"{OCI}.manifest.v1+json", f"{OCI}.index.v1+json", f"{OCI}.layer.v1.tar+gzip"
DOCKER = "application/vnd.docker.distribution.manifest"
DOCKER_MANIFEST, DOCKER_LIST = f"{DOCKER}.v2+json", f"{DOCKER}.list.v2+json"
FOREIGN = sorted(FOREIGN_LAYERS)


class Pusher:
    """Pushes to one repository; a pushed digest is `named` if a tag reaches it, else `unnamed`."""

    def __init__(self, editor):
        self.editor = editor
        self.token = editor.token(f"repository:{REPOSITORY}:pull,push")
        self.named, self.unnamed = set(), set()
        self.count = 0

    def call(self, method, path, **options):
        return self.editor.call(method, f"/v2/{REPOSITORY}/{path}", token=self.token, **options)

    def blob(self, media_type=LAYER, *, data=None, algorithm="sha256", size=100_000, dead=False):
        """Pushes a blob, a large one by default; returns its descriptor."""
        self.count += 1
        data = (b"%d " % self.count * size)[:size] if data is None else data
        digest = f"{algorithm}:{hashlib.new(algorithm, data).hexdigest()}"
        assert self.call("POST", f"blobs/uploads/?digest={digest}", data=data).status_code == 201
        (self.unnamed if dead else self.named).add(f"blobs/{digest}")
        return {"mediaType": media_type, "digest": digest, "size": len(data)}

    def manifest(self, document, media_type=OCI_MANIFEST, *, tag=None, algorithm="sha256", dead=False):
        """Pushes a document by its digest, and by the tag if there is one; returns its descriptor."""
        data = json.dumps({"schemaVersion": 2, "mediaType": media_type, **document}).encode()
        digest = f"{algorithm}:{hashlib.new(algorithm, data).hexdigest()}"
        path = f"manifests/{digest}" + (f"?tag={tag}" if tag else "")
        answer = self.call("PUT", path, data=data, headers={"Content-Type": media_type})
        assert answer.status_code == 201, answer.text
        (self.unnamed if dead else self.named).add(f"manifests/{digest}")
        return {"mediaType": media_type, "digest": digest, "size": len(data)}

    def image(self, *layers, dead=False, **options):
        """Pushes a manifest with a new config, and a new layer unless given."""
        config = self.blob(f"{OCI}.config.v1+json", size=40, dead=dead)
        document = {"config": config, "layers": list(layers) or [self.blob(dead=dead)]}
        document.update(options.pop("more", {}))
        return self.manifest(document, dead=dead, **options)

    def index(self, *entries, media_type=OCI_INDEX, **options):
        document = {"manifests": list(entries), **options.pop("more", {})}
        return self.manifest(document, media_type, **options)

    def find(self, paths):
        """Returns the status of each, without a request that delays its collection."""
        return {path: self.call("GET", path).status_code for path in sorted(paths)}


@pytest.fixture
def pusher(serving):
    """Runs at a server with --sparse-manifests, which accepts the index of a build cache."""
    with serving(gc_interval_s=0, sparse_manifests=True) as registry:
        pusher = Pusher(registry.editor)
        pusher.registry = registry
        yield pusher


def push_every_kind(pusher):
    """Pushes one manifest of each kind, each reached by a tag."""
    absent = {"mediaType": FOREIGN[0], "digest": "sha256:" + "ab" * 32, "size": 7}
    pusher.image(*map(pusher.blob, [*FOREIGN, LAYER]), absent, tag="foreign")
    pusher.image(pusher.blob(FOREIGN[0]), media_type=DOCKER_MANIFEST, tag="docker")
    pusher.index(pusher.image(media_type=DOCKER_MANIFEST), media_type=DOCKER_LIST, tag="docker-list")
    pusher.index(pusher.index(pusher.image()), pusher.image(), tag="nested")
    cache = pusher.blob("application/vnd.buildkit.cacheconfig.v0", size=60)
    pusher.index(pusher.blob(), cache, tag="cache")
    pusher.index(pusher.blob(), media_type=DOCKER_LIST, tag="docker-cache")
    pusher.image(pusher.blob("application/x"), more={"artifactType": "application/x"}, tag="artifact")
    long = pusher.blob(algorithm="sha512")
    pusher.image(long, pusher.blob(algorithm="sha512", size=40), algorithm="sha512", tag="sha512")
    # A bundle of a document that is a manifest, too.
    content = json.dumps({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": []}).encode()
    bundled = pusher.blob(OCI_INDEX, data=content)
    answer = pusher.call(
        "PUT", f"manifests/{bundled['digest']}", data=content, headers={"Content-Type": OCI_INDEX}
    )
    assert answer.status_code == 201
    pusher.named.add(f"manifests/{bundled['digest']}")
    pusher.image(bundled, tag="bundle")


def push_every_referrer(pusher):
    """Pushes subjects and referrers that a tag reaches only through that relation."""
    # Referrers of a tagged image: one with its own referrer, and an index.
    signature = pusher.image(more={"subject": pusher.image(tag="signed")})
    pusher.image(more={"subject": signature})
    pusher.index(pusher.image(), more={"subject": signature})
    # A subject that is reached only by a tagged referrer of its referrer.
    pusher.image(more={"subject": pusher.image(more={"subject": pusher.image()})}, tag="attestation")
    # A subject that is reached only by an entry of a tagged index.
    pusher.index(pusher.image(more={"subject": pusher.image()}), tag="index-of-referrer")


def push_what_nothing_names(pusher):
    for options in ({}, {"size": 40}, {"algorithm": "sha512"}):
        pusher.blob(dead=True, **options)
    pusher.blob(FOREIGN[0], dead=True)
    pusher.index(pusher.index(pusher.image(dead=True), dead=True), dead=True)
    signature = pusher.image(dead=True, more={"subject": pusher.image(dead=True)})
    pusher.image(dead=True, more={"subject": signature})
    pusher.index(pusher.blob(dead=True), dead=True)


def test_b_z15_collection_without_a_delay_takes_what_nothing_names_and_no_more(pusher):
    push_every_kind(pusher)
    push_every_referrer(pusher)
    push_what_nothing_names(pusher)
    registry, files = pusher.registry, len(pusher.registry.files())

    rehearsed = registry.gc(older_than_s=0, untagged=True, dry_run=True)
    collected = registry.gc(older_than_s=0, untagged=True)

    assert pusher.find(pusher.named) == dict.fromkeys(sorted(pusher.named), 200)
    assert pusher.find(pusher.unnamed) == dict.fromkeys(sorted(pusher.unnamed), 404)
    dead = [path.partition("/")[0] for path in pusher.unnamed]
    assert collected == rehearsed
    assert (collected["manifests"], collected["blobs"]) == (dead.count("manifests"), dead.count("blobs"))
    assert len(registry.files()) < files
    assert registry.gc(older_than_s=0, untagged=True) == {}


def test_b_z15_manifest_with_many_dead_referrers_goes_with_them_in_few_steps(tmp_path):
    """Counts SQLite's steps: connected manifests are read once, however many are candidates."""
    count = 3000
    with contextlib.closing(SqliteDatabase(tmp_path / "emulator.db")) as database:
        database.write_now(lambda connection: add_referrers(connection, count))
        steps = 0

        def count_step():
            nonlocal steps
            steps += 1

        def remove(connection):
            connection.connection.dbapi_connection.set_progress_handler(count_step, 1000)
            ids = untagged.find_untagged(connection, before=100, after=0, count=100)
            return untagged.remove_untagged(connection, ids, before=100, now=100)

        assert database.write_now(remove) == 100
    # A thousand of SQLite's instructions each: some for each referrer, not some for each pair.
    assert steps < count


def add_referrers(connection, count):
    """Adds one manifest with that many referrers, none of them with a tag."""
    for statement in (
        "INSERT INTO projects (id, project_id, number, name, created_at) VALUES (1, 'p', '1', 'p', 0)",
        "INSERT INTO buckets (id, project, name, location, created_at) VALUES (1, 1, 'b', 'US', 0)",
        "INSERT INTO repositories (id, bucket, name) VALUES (1, 1, 'p/r')",
        "WITH RECURSIVE n (x) AS (SELECT 0 UNION ALL SELECT x + 1 FROM n WHERE x < :count) "
        "INSERT INTO manifests "
        "(id, repository, digest, media_type, data, image_size, created_ms, uploaded_ms) "
        "SELECT x + 1, 1, 'd' || x, '', '', 0, 0, 0 FROM n",
        "INSERT INTO referrers (manifest, repository, subject, artifact_type, digest, descriptor) "
        "SELECT id, 1, 'd0', '', digest, '{}' FROM manifests WHERE id > 1",
    ):
        connection.execute(text(statement), {"count": count} if ":count" in statement else {})


def test_b_z15_young_manifest_keeps_what_it_is_about(pusher):
    subject = pusher.image()
    pusher.registry.set_clock(1_800_000_010)
    pusher.image(more={"subject": subject})
    assert pusher.registry.gc(older_than_s=5, untagged=True) == {}
    assert pusher.find(pusher.named) == dict.fromkeys(sorted(pusher.named), 200)


NAMING = {
    "a foreign layer": lambda pusher: pusher.image(pusher.blob(FOREIGN[0]), tag="v1"),
    "a nondistributable layer": lambda pusher: pusher.image(pusher.blob(FOREIGN[-1]), tag="v1"),
    "a layer": lambda pusher: pusher.image(pusher.blob(), tag="v1"),
    "a config": lambda pusher: pusher.manifest({"config": pusher.blob(), "layers": []}, tag="v1"),
    "an entry of an index": lambda pusher: pusher.index(pusher.blob(), tag="v1"),
}


# Damage that deletes rows.
LOST = ("DELETE FROM blob_links", "DELETE FROM blobs WHERE data IS NULL", "DELETE FROM doomed")


@pytest.fixture(params=NAMING, ids=lambda what: f"B-Z15-{what.replace(' ', '-')}")
def holder(request, tmp_path, editor_of):
    """Returns (data directory, path of a blob) of a stopped server; a manifest names it in that field."""
    data = tmp_path / "data"
    with InThread(Settings(port=0, data=data, gc_interval_s=0, sparse_manifests=True)) as ready:
        pusher = Pusher(editor_of(ready.url))
        NAMING[request.param](pusher)
    (named,) = data.glob("pieces/*/*")
    return data, named


def change(data, *statements):
    with opened(data / "emulator.db") as connection:
        for statement in statements:
            connection.execute(statement)


def test_database_of_main_before_the_change_keeps_what_its_manifests_name(holder, run):
    data, _ = holder
    (named,) = make_older(data)
    # The rows of revision 0004: neither foreign layers nor entries of an index.
    change(
        data,
        "UPDATE alembic_version SET version_num = '0004'",
        "DELETE FROM revisions WHERE subject = 'identity'",
        "DELETE FROM manifest_blobs WHERE digest IN (SELECT digest FROM blobs WHERE data IS NULL)",
        *UNDO_0006,
    )
    assert run("gc", "--data", data, "--older-than", "0", "--untagged")[0] == 0
    assert named.exists()
    assert run("fsck", "--data", data, "--sparse-manifests") == (0, "", f"{data} is sound\n")


def test_rebuild_brings_back_the_blob_and_its_link(holder, run):
    data, named = holder
    change(data, *LOST)
    assert run("rebuild", "--data", data)[0] == 0
    assert run("gc", "--data", data, "--older-than", "0")[0] == 0
    assert named.exists()
    assert run("fsck", "--data", data, "--sparse-manifests") == (0, "", f"{data} is sound\n")


def test_collection_keeps_a_file_that_a_manifest_names_and_whose_row_is_lost(holder, run):
    data, named = holder
    change(data, *LOST)
    dry = run("gc", "--data", data, "--older-than", "0", "--dry-run")
    assert (dry[0], "files 0\n" in dry[1]) == (0, True)
    assert (run("gc", "--data", data, "--older-than", "0")[0], named.exists()) == (0, True)


def test_fsck_finds_a_reference_that_is_not_entered(holder, run):
    data, _ = holder
    change(data, "DELETE FROM manifest_blobs")
    code, out, _ = run("fsck", "--data", data, "--sparse-manifests")
    assert (code, {line.split()[0] for line in out.splitlines()}) == (1, {"wrong-references"})


def test_blobs_of_a_deleted_manifest_go_a_delay_after_it(holder, run, editor_of):
    data, named = holder
    change(data, "UPDATE blob_links SET used_at = 0")
    with InThread(Settings(port=0, data=data, gc_interval_s=0)) as ready:
        pusher = Pusher(editor_of(ready.url))
        token = pusher.editor.token(f"repository:{REPOSITORY}:pull,delete")
        digest = pusher.call("GET", "manifests/v1").headers["Docker-Content-Digest"]
        for reference in ("v1", digest):
            path = f"/v2/{REPOSITORY}/manifests/{reference}"
            assert pusher.editor.call("DELETE", path, token=token).status_code == 202
    assert (run("gc", "--data", data)[0], named.exists()) == (0, True)
    assert (run("gc", "--data", data, "--older-than", "0")[0], named.exists()) == (0, False)
