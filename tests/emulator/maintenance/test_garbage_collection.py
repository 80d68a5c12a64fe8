"""Garbage collection deletes unused bytes after the delay, and keeps those that a client relies on (T20)."""

import contextlib
import os
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests
from support.images import OCI_EMPTY, OCI_INDEX, OCI_MANIFEST, digest_of
from support.sqlite_files import opened

from docker_credential_gcr.emulator.database.engine.sqlite import SqliteDatabase
from docker_credential_gcr.emulator.maintenance.garbage_collection import Collected, Collection, Rules
from docker_credential_gcr.emulator.storage.filesystem import FileStore

DAY_S = 24 * 3600
NOW = 1_800_000_000
REPOSITORY = "my-project/app"
OTHER = "my-project/other"
LARGE = b"large layer " * 10_000
ROWLESS = (
    f"pieces/0f/{'0f' * 16}-1-0123456789abcdef",
    f"buckets/artifacts.my-project.appspot.com/containers/images/sha256/ab/{'ab' * 32}",
)


def push_index(registry, tag, *digests):
    manifests = [{"mediaType": OCI_MANIFEST, "digest": digest, "size": 1} for digest in digests]
    document = {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": manifests}
    answer = registry.editor.put_manifest(REPOSITORY, tag, document, OCI_INDEX)
    assert answer.status_code == 201, answer.text
    return answer.headers["Docker-Content-Digest"]


def push_referrer(registry, tag, subject):
    config = registry.editor.push_blob(REPOSITORY, b"{}", OCI_EMPTY)
    about = {"mediaType": OCI_MANIFEST, "digest": subject, "size": 1}
    document = {"schemaVersion": 2, "config": config, "layers": [], "subject": about}
    answer = registry.editor.put_manifest(REPOSITORY, tag, document)
    assert answer.status_code == 201, answer.text
    return answer.headers["Docker-Content-Digest"]


class TestWhatGoes:
    def test_blob_that_no_manifest_names_goes_after_the_delay_with_its_bytes(self, registry):
        blob = registry.editor.push_blob(REPOSITORY, LARGE)
        registry.set_clock(NOW + DAY_S)
        assert (registry.gc(), registry.files()) == ({}, [blob["digest"]])
        registry.set_clock(NOW + DAY_S + 1)
        assert registry.gc() == {"links": 1, "blobs": 1, "bytes": len(LARGE)}
        assert (registry.status("blobs", blob["digest"]), registry.files()) == (404, [])
        assert (registry.count("blobs"), registry.count("blob_links")) == (0, 0)

    def test_what_a_manifest_names_stays_for_ever(self, registry):
        digest = registry.editor.push_image(REPOSITORY, "v1", LARGE, b"small")
        registry.set_clock(NOW + 1000 * DAY_S)
        assert registry.gc() == {}
        assert registry.status("manifests", digest) == 200
        assert registry.status("blobs", digest_of(LARGE)) == 200

    def test_blobs_of_a_deleted_manifest_go_a_delay_after_it(self, registry):
        digest = registry.editor.push_image(REPOSITORY, "v1", LARGE)
        registry.set_clock(NOW + 10 * DAY_S)
        assert (registry.delete("v1"), registry.delete(digest)) == (202, 202)
        registry.set_clock(NOW + 11 * DAY_S)
        assert registry.gc() == {}
        registry.set_clock(NOW + 11 * DAY_S + 1)
        assert registry.gc()["blobs"] == 2

    def test_a_repository_loses_its_link_and_another_keeps_the_bytes(self, registry):
        registry.editor.push_image(REPOSITORY, "v1", LARGE)
        digest = digest_of(LARGE)
        assert registry.mount(digest, OTHER) == 201
        registry.set_clock(NOW + DAY_S + 1)
        assert registry.gc() == {"links": 1}
        assert (registry.status("blobs", digest, OTHER), registry.status("blobs", digest)) == (404, 200)

    def test_the_same_bytes_in_two_buckets_are_two_blobs(self, registry):
        # Host of another bucket by path: eu.gcr.io
        registry.editor.push_image(f"eu.gcr.io/{REPOSITORY}", "v1", LARGE)
        registry.editor.push_blob(REPOSITORY, LARGE)
        assert len(registry.files()) == 2
        registry.set_clock(NOW + DAY_S + 1)
        assert registry.gc() == {"links": 1, "blobs": 1, "bytes": len(LARGE)}
        assert len(registry.files()) == 1

    def test_blob_that_was_deleted_everywhere_goes_at_once(self, registry):
        digest = registry.editor.push_blob(REPOSITORY, LARGE)["digest"]
        registry.editor.delete(f"/v2/{REPOSITORY}/blobs/{digest}")
        assert registry.gc() == {"blobs": 1, "bytes": len(LARGE)}

    @pytest.mark.parametrize("place", ROWLESS)
    def test_bytes_without_a_row_go_once_they_are_old_and_no_server_runs(self, serving, tmp_path, place, run):
        path = tmp_path / "data" / place
        with serving() as registry:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(b"x")
            # A request may be about to name it.
            assert (registry.gc(older_than_s=0), path.exists()) == ({}, True)
        assert (run("gc", "--data", tmp_path / "data")[0], path.exists()) == (0, True)
        os.utime(path, (0, 0))
        code, out, _ = run("gc", "--data", tmp_path / "data")
        assert (code, path.exists()) == (0, False)
        assert "files 1\nbytes 1\n" in out

    def test_what_is_doomed_goes_when_it_is_due(self, registry):
        (registry.data / "pieces/ab").mkdir(parents=True)
        for name in ("due", "later"):
            (registry.data / "pieces/ab" / name).write_bytes(b"12345")
        with opened(registry.data / "emulator.db") as connection:
            rows = [("pieces/ab/due", NOW), ("pieces/ab/later", NOW + 1), ("pieces/ab/never-written", -1)]
            connection.executemany("INSERT INTO doomed VALUES (?, ?)", rows)
        assert registry.gc(dry_run=True) == {"files": 1, "bytes": 5}
        assert registry.gc() == {"files": 1, "bytes": 5}
        assert sorted(path.name for path in registry.data.glob("pieces/ab/*")) == ["later"]
        assert registry.count("doomed") == 1

    def test_uploads_that_no_client_finishes_go_with_their_files(self, registry):
        token = registry.editor.token(f"repository:{REPOSITORY}:pull,push")
        for data in (LARGE, b"few bytes"):
            started = registry.editor.call("POST", f"/v2/{REPOSITORY}/blobs/uploads/", token=token)
            registry.editor.call("PATCH", started.headers["Location"], token=token, data=data)
        assert registry.gc() == {}
        registry.set_clock(NOW + DAY_S + 1)
        assert registry.gc(dry_run=True) == {"uploads": 2}
        assert (registry.files(), registry.count("uploads")) == ([digest_of(LARGE)], 2)
        assert registry.gc() == {"uploads": 2}
        assert [registry.files(), *map(registry.count, ("uploads", "doomed"))] == [[], 0, 0]

    def test_many_blobs_go_in_many_steps(self, registry):
        token = registry.editor.token(f"repository:{REPOSITORY}:pull,push")
        for number in range(250):
            data = b"%d" % number
            path = f"/v2/{REPOSITORY}/blobs/uploads/?digest={digest_of(data)}"
            assert registry.editor.call("POST", path, token=token, data=data).status_code == 201
        assert registry.gc(older_than_s=0, dry_run=True) == {"links": 250, "blobs": 250, "bytes": 640}
        assert registry.gc(older_than_s=0) == {"links": 250, "blobs": 250, "bytes": 640}


class TestUntagged:
    def test_untagged_manifests_stay_unless_they_are_asked_for(self, registry):
        first = registry.editor.push_image(REPOSITORY, "latest", b"one")
        second = registry.editor.push_image(REPOSITORY, "latest", b"two")
        registry.set_clock(NOW + DAY_S + 1)
        assert registry.gc() == {}
        assert registry.gc(untagged=True) == {"manifests": 1, "links": 1, "blobs": 1, "bytes": 3}
        assert [registry.status("manifests", digest) for digest in (first, second)] == [404, 200]

    def test_children_go_after_their_index_and_not_before(self, registry):
        child = registry.editor.push_image(REPOSITORY, "child", b"one")
        push_index(registry, "all", child)
        registry.delete("child")
        registry.set_clock(NOW + DAY_S + 1)
        assert registry.gc(untagged=True) == {}
        registry.delete("all")
        assert registry.gc(untagged=True)["manifests"] == 2

    def test_referrer_stays_with_its_subject_and_goes_after_it(self, registry):
        subject = registry.editor.push_image(REPOSITORY, "v1", b"one")
        referrer = push_referrer(registry, "signature", subject)
        registry.delete("signature")
        registry.set_clock(NOW + DAY_S + 1)
        assert registry.gc(untagged=True) == {}
        assert registry.status("manifests", referrer) == 200
        registry.delete("v1")
        assert registry.gc(untagged=True)["manifests"] == 2

    def test_subject_stays_while_a_referrer_of_it_has_a_tag(self, registry):
        subject = registry.editor.push_image(REPOSITORY, "v1", b"one")
        push_referrer(registry, "signature", subject)
        registry.delete("v1")
        registry.set_clock(NOW + DAY_S + 1)
        assert registry.gc(untagged=True) == {}

    def test_young_manifests_stay(self, registry):
        registry.editor.push_image(REPOSITORY, "v1", b"one")
        registry.delete("v1")
        assert registry.gc(untagged=True) == {}


class TestT20RacesOfPushAndCollection:
    """Each use of a blob by a client delays its collection."""

    @pytest.mark.parametrize(
        "rely",
        [
            lambda registry, digest: registry.status("blobs", digest, method="HEAD") == 200,
            lambda registry, digest: registry.editor.push_blob(REPOSITORY, LARGE)["digest"] == digest,
            lambda registry, digest: registry.mount(digest, REPOSITORY) == 201,
        ],
        ids=["HEAD", "push", "mount"],
    )
    def test_what_a_client_relied_on_stays_for_the_whole_delay(self, registry, rely):
        digest = registry.editor.push_blob(REPOSITORY, LARGE)["digest"]
        registry.set_clock(NOW + DAY_S)
        assert rely(registry, digest)
        registry.set_clock(NOW + 2 * DAY_S)
        assert (registry.gc(), registry.status("blobs", digest)) == ({}, 200)
        registry.set_clock(NOW + 2 * DAY_S + 1)
        assert registry.gc()["blobs"] == 1

    def test_reading_a_blob_is_not_relying_on_it(self, registry):
        digest = registry.editor.push_blob(REPOSITORY, LARGE)["digest"]
        registry.set_clock(NOW + DAY_S + 1)
        assert registry.status("blobs", digest) == 200
        assert registry.gc()["blobs"] == 1

    def test_asking_again_and_again_writes_once_a_minute(self, registry):
        digest = registry.editor.push_blob(REPOSITORY, LARGE)["digest"]
        registry.set_clock(NOW + 60)
        before = registry.used_at(digest)
        registry.status("blobs", digest, method="HEAD")
        assert registry.used_at(digest) == before == NOW
        registry.set_clock(NOW + 61)
        registry.status("blobs", digest, method="HEAD")
        assert registry.used_at(digest) == NOW + 61

    def test_bytes_that_are_pushed_again_have_a_file_of_their_own(self, registry):
        """Deletes the first blob's row only: a collection may still delete that blob's file at any time."""
        digest = registry.editor.push_blob(REPOSITORY, LARGE)["digest"]
        registry.editor.delete(f"/v2/{REPOSITORY}/blobs/{digest}")
        with opened(registry.data / "emulator.db") as connection:
            connection.execute("DELETE FROM blobs")
        registry.editor.push_blob(REPOSITORY, LARGE)
        assert registry.files() == [digest, digest]
        assert registry.gc() == {"files": 1, "bytes": len(LARGE)}
        assert (registry.files(), registry.status("blobs", digest)) == ([digest], 200)

    def test_pushes_deletions_and_collections_at_once_lose_no_acknowledged_image(self, registry):
        """Pushes and deletes the same few layers in new repositories: deduplication races with deletion."""
        layers = [bytes([number]) * 70_000 for number in range(2)]
        collections, over = [], threading.Event()

        def collect():
            while not over.is_set():
                collections.append(registry.gc())

        def push(number):
            layer, repository = layers[number % 2], f"my-project/app-{number}"
            blob = digest_of(layer)
            image = registry.editor.push_image(repository, "v1", layer)
            assert registry.status("manifests", image, repository) == 200
            assert registry.status("blobs", blob, repository) == 200
            assert [registry.delete(name, repository) for name in ("v1", image)] == [202, 202]
            registry.editor.delete(f"/v2/{repository}/blobs/{blob}", repository=repository)

        registry.editor.session.mount("http://", requests.adapters.HTTPAdapter(pool_maxsize=8))
        with ThreadPoolExecutor(4) as pool:
            collecting = pool.submit(collect)
            try:
                list(pool.map(push, range(60)))
            finally:
                over.set()
            collecting.result(60)
        # The test was a race if the layers were deleted several times, not only at the end.
        assert sum(collected.get("blobs", 0) for collected in collections) > len(layers)


class TestTheCollectionItself:
    def test_rehearsal_says_what_would_go_and_removes_nothing(self, registry):
        registry.editor.push_blob(REPOSITORY, LARGE)
        child = registry.editor.push_image(REPOSITORY, "child", b"one")
        push_index(registry, "all", child)
        registry.delete("child")
        registry.delete("all")
        registry.set_clock(NOW + DAY_S + 1)
        tables = ("blobs", "blob_links", "manifests", "manifest_blobs", "manifest_children")
        before = [registry.count(table) for table in tables]
        rehearsed = registry.gc(untagged=True, dry_run=True)
        assert (rehearsed["manifests"], rehearsed["blobs"]) == (2, 3)
        assert [registry.count(table) for table in tables] == before
        assert len(registry.files()) == 1
        assert registry.gc(untagged=True) == rehearsed

    def test_it_ends_at_its_next_step_when_the_server_stops(self, registry):
        token = registry.editor.token(f"repository:{REPOSITORY}:pull,push")
        for number in range(250):
            data = b"%03d" % number
            path = f"/v2/{REPOSITORY}/blobs/uploads/?digest={digest_of(data)}"
            assert registry.editor.call("POST", path, token=token, data=data).status_code == 201
        # The sweeper calls is_over first.
        asked = iter([False, False, False, True])
        rules = Rules(NOW + 1, NOW, NOW, is_over=lambda: next(asked, True))
        with contextlib.closing(SqliteDatabase(registry.data / "emulator.db")) as database:
            collected = Collection(database, FileStore(registry.data), rules).run()
        # Two steps of a hundred links each; the next collection deletes their blobs.
        assert collected == Collected(links=200)
        assert registry.gc(older_than_s=0) == {"links": 50, "blobs": 250, "bytes": 750}

    @pytest.mark.parametrize(
        ("body", "message"),
        [
            ("[]", "the body is not a JSON object"),
            ('{"older_than": 1}', "unknown field 'older_than': known are older_than_s, untagged, dry_run"),
            ('{"older_than_s": -1}', "older_than_s is not a number of seconds"),
            ('{"older_than_s": true}', "older_than_s is not a number of seconds"),
            ('{"older_than_s": NaN}', "the body is not JSON: NaN is not JSON"),
            ('{"untagged": 1}', "untagged is not true or false"),
            ('{"dry_run": "no"}', "dry_run is not true or false"),
        ],
    )
    def test_bad_request_is_told_and_collects_nothing(self, registry, body, message):
        registry.editor.push_blob(REPOSITORY, LARGE)
        registry.set_clock(NOW + 10 * DAY_S)
        answer = requests.post(f"{registry.url}/_emulator/gc", data=body, timeout=30)
        assert (answer.status_code, answer.json()) == (400, {"error": message})
        assert len(registry.files()) == 1

    def test_schedule_collects_and_saves_a_snapshot_by_itself(self, serving):
        with serving(gc_interval_s=0.05) as registry:
            digest = registry.editor.push_blob(REPOSITORY, LARGE)["digest"]
            registry.set_clock(NOW + 10 * DAY_S)
            pause = threading.Event()
            for _ in range(600):
                if not registry.files() and (registry.data / "emulator.db.snapshot").exists():
                    break
                pause.wait(0.05)
            assert (registry.files(), registry.status("blobs", digest)) == ([], 404)
            assert (registry.data / "emulator.db.snapshot").stat().st_mode & 0o777 == 0o600
