"""Read cache: it answers from the last results until the next commit, and not longer."""

import asyncio

import pytest

from docker_credential_gcr.emulator.database.read_cache import ReadCache


class Database:
    """A database whose reads wait for `may_read`, if it is set, as reads in a thread do."""

    def __init__(self):
        self.now = 0
        self.answers = []
        self.may_read = None

    def version(self):
        return self.now

    async def read(self, work):
        found = work(None)
        if self.may_read is not None:
            await self.may_read.wait()
        return found

    def find(self, _connection):
        return self.answers.pop(0)


def small(_):
    return 1


def never(_):
    return None


@pytest.fixture
def database():
    return Database()


@pytest.fixture
def cache(database):
    return ReadCache(database.read, database.version, limit=3, size=3)


def ask(cache, database, *answers, key="a", measure=small):
    database.answers = list(answers)
    return asyncio.run(cache.read(key, database.find, measure=measure))


def test_what_is_known_is_not_looked_up_again_until_a_commit(cache, database):
    assert [ask(cache, database, "first"), ask(cache, database)] == ["first", "first"]
    database.now += 1
    assert ask(cache, database, "second") == "second"


def test_what_a_commit_overtook_is_looked_up_again(cache, database):
    def find(_connection):
        database.now += 1
        return "old"

    assert asyncio.run(cache.read("a", find, measure=small)) == "old"
    assert ask(cache, database, "new") == "new"


def test_what_a_commit_overtook_is_not_remembered_though_another_call_was_told_of_the_commit(cache, database):
    async def overtake():
        database.may_read = asyncio.Event()
        database.answers = ["old", "other"]
        overtaken = asyncio.create_task(cache.read("a", database.find, measure=small))
        await asyncio.sleep(0)
        database.now += 1
        told = asyncio.create_task(cache.read("b", database.find, measure=small))
        await asyncio.sleep(0)
        database.may_read.set()
        return await overtaken, await told

    assert asyncio.run(overtake()) == ("old", "other")
    database.may_read = None
    assert [ask(cache, database, "new"), ask(cache, database, key="b")] == ["new", "other"]


def test_what_two_calls_read_at_once_counts_once(cache, database):
    async def read_at_once():
        database.may_read = asyncio.Event()
        database.answers = ["same", "same"]
        reads = [asyncio.create_task(cache.read("a", database.find, measure=small)) for _ in range(2)]
        await asyncio.sleep(0)
        database.may_read.set()
        return await asyncio.gather(*reads)

    assert asyncio.run(read_at_once()) == ["same", "same"]
    database.may_read = None
    # Two more results fit next to it.
    assert [ask(cache, database, key, key=key) for key in "bc"] == ["b", "c"]
    assert [ask(cache, database, key=key) for key in "abc"] == ["same", "b", "c"]


def test_what_may_not_be_kept_is_not(cache, database):
    assert ask(cache, database, "first", measure=never) == "first"
    assert ask(cache, database, "second") == "second"


def test_what_is_larger_than_all_of_it_is_not_kept(cache, database):
    assert ask(cache, database, "first", measure=lambda _: 4) == "first"
    assert ask(cache, database, "second") == "second"


@pytest.mark.parametrize(("size", "most"), [(0, 3), (2, 1)], ids=["number", "size"])
def test_it_never_holds_more_than_its_limit(cache, database, size, most):
    for number in range(10):
        ask(cache, database, "x", key=number, measure=lambda _: size)
        assert len(cache._results) <= most


def test_error_is_not_remembered(cache, database):
    with pytest.raises(IndexError):
        ask(cache, database)
    assert ask(cache, database, "found") == "found"
    assert ask(cache, database, "other") == "found"
