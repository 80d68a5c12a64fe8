"""Pages end by entries or by bytes, and read no further."""

import base64
import json
import tracemalloc
from contextlib import closing

import pytest
from support.database_reads import reading

from docker_credential_gcr.emulator.database.accounts import workload_identity
from docker_credential_gcr.emulator.database.engine.sqlite import SqliteDatabase
from docker_credential_gcr.emulator.database.projects import projects, storage_buckets
from docker_credential_gcr.emulator.google.rest.pagination import Page, parse_page

MIB = 1024 * 1024


class Reader:
    """List that counts how many of its entries were read."""

    def __init__(self, sizes):
        self.read = 0
        self._sizes = sizes

    def __iter__(self):
        for number, size in enumerate(self._sizes):
            self.read += 1
            yield str(number), size


def describe(item):
    return item[0] + "a" * item[1]


def key(item):
    return item[0]


@pytest.mark.parametrize(
    ("sizes", "size", "shown", "read"),
    [
        pytest.param([10] * 5, 5, 5, 5, id="all"),
        pytest.param([10] * 9, 5, 5, 6, id="by-entries"),
        pytest.param([MIB] * 9, 5, 3, 4, id="B-Z06-by-bytes"),
        pytest.param([5 * MIB] * 9, 5, 1, 2, id="B-Z06-one-larger-than-a-page"),
        pytest.param([], 5, 0, 0, id="nothing"),
    ],
)
def test_z06_a_page_of_google_apis_ends_before_4_mib_and_reads_one_more_entry(sizes, size, shown, read):
    found = Reader(sizes)
    document = Page(size, "").format("items", found, describe, key)
    assert len(document.get("items", [])) == shown
    assert ("nextPageToken" in document) is (shown < len(sizes))
    assert found.read == read
    assert len(json.dumps(document)) < 4 * MIB or shown == 1


@pytest.mark.parametrize(
    ("query", "size"),
    [({}, 100), ({"pageSize": "0"}, 100), ({"pageSize": "1000"}, 1000), ({"pageSize": "1001"}, 1000)],
)
def test_a_page_has_100_entries_by_default_and_at_most_1000(query, size):
    assert parse_page(query) == Page(size, "")


@pytest.mark.parametrize(("last", "cut"), [("b", "b"), ("a\0z", "a"), ("\0", ""), ("", "")])
def test_z23_a_page_after_a_text_with_nul_is_the_one_after_what_precedes_it(last, cut):
    token = base64.urlsafe_b64encode(last.encode()).decode()
    assert parse_page({"pageToken": token}) == Page(100, cut)


SETTINGS = {"website": {"mainPageSuffix": "a" * MIB}}
COUNT = 12


@pytest.fixture
def database(tmp_path):
    """Creates a database with a project whose buckets and providers have 1 MiB each."""

    def work(connection):
        project = projects.create(connection, "my-project", name="", now=1.0)
        pool = workload_identity.create(connection, project, "pool", {}, now=1.0)
        for number in range(COUNT):
            name = f"x-{number:02}"
            storage_buckets.create(connection, project, name, location="US", settings=SETTINGS, now=1.0)
            workload_identity.create_provider(connection, pool, name, SETTINGS, now=1.0)

    with closing(SqliteDatabase(tmp_path / "emulator.db")) as database:
        database.write_now(work)
        yield database


def list_buckets(connection, project):
    return storage_buckets.list_page(connection, project, prefix="", last="x-00", count=1000)


def list_providers(connection, project):
    pool = workload_identity.find(connection, project.number, "pool")
    return workload_identity.list_providers(connection, pool, last="x-00")


@pytest.mark.parametrize(
    "list_them",
    [pytest.param(list_buckets, id="B-Z06-buckets"), pytest.param(list_providers, id="B-Z06-providers")],
)
def test_z06_what_a_client_has_written_is_read_entry_by_entry(database, list_them):
    with reading(database) as connection:
        project = projects.find(connection, "my-project")
        tracemalloc.start()
        try:
            found = list_them(connection, project)
            first = next(found)
            found.close()
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    assert (first.name.rpartition("/")[2], first.settings) == ("x-01", SETTINGS)
    assert peak < COUNT / 2 * MIB
