"""Outbox and leases on SQLite and PostgreSQL; row N1 by number."""

import asyncio
import threading
from contextlib import closing
from functools import partial

import pytest
from support.servers.postgresql import NEEDS

from docker_credential_gcr.emulator.database.events import leases, outbox
from docker_credential_gcr.emulator.database.events.outbox import Event

EVENT = Event(1000, "INSERT", "my-project", "containerregistry.googleapis.com", "gcr.io/my-project/app")


def add(database, *tags, at_ms=1000, project="my-project"):
    def work(connection):
        for tag in tags:
            outbox.add(connection, EVENT._replace(tag=tag, at_ms=at_ms, project=project))

    database.write_now(work)


def list_tags(database, **options):
    found = database.read_now(partial(outbox.list_admitted, **{"count": 100, **options}))
    return [event.tag for event in found]


def test_readers_see_admitted_events_only_and_consumers_each_one_once(database):
    consumed = []
    admit = partial(outbox.admit, consumers=[lambda _, events: consumed.extend(events)])
    add(database, "v1", "v2")
    assert (list_tags(database), database.read_now(outbox.has_pending)) == ([], True)
    assert database.write_now(admit) == 2
    assert database.read_now(outbox.has_pending) is False
    assert database.write_now(admit) == 0
    add(database, "v3")
    assert list_tags(database) == ["v1", "v2"]
    database.write_now(admit)
    assert list_tags(database) == [event.tag for event in consumed] == ["v1", "v2", "v3"]
    assert list_tags(database, after=consumed[0].id, count=1) == ["v2"]


def test_an_error_of_a_consumer_admits_nothing(database):
    def fail(_connection, _events):
        raise RuntimeError("the consumer failed")

    add(database, "v1")
    with pytest.raises(RuntimeError):
        database.write_now(partial(outbox.admit, consumers=[fail]))
    assert database.read_now(outbox.find_watermark) == 0
    assert database.write_now(outbox.admit) == 1


def test_events_of_one_project(database):
    add(database, "v1")
    add(database, "v2", project="other-project")
    database.write_now(outbox.admit)
    assert list_tags(database, project="other-project") == ["v2"]


def test_old_events_and_those_beyond_a_number_are_deleted_but_the_last(database):
    for number in range(5):
        add(database, f"v{number}", at_ms=number)
    database.write_now(outbox.admit)
    add(database, "pending", at_ms=0)
    assert database.write_now(partial(outbox.prune, before_ms=2, count=10)) == 2
    assert database.write_now(partial(outbox.prune, before_ms=0, count=2)) == 1
    assert list_tags(database) == ["v3", "v4"]
    assert database.write_now(partial(outbox.prune, before_ms=99, count=1)) == 1
    assert database.write_now(outbox.admit) == 1
    assert list_tags(database) == ["v4", "pending"]
    # No id is given again, which a reader would take for a known one.
    assert database.write_now(partial(outbox.prune, before_ms=99, count=1)) == 1
    last = database.read_now(outbox.find_watermark)
    add(database, "v9")
    database.write_now(outbox.admit)
    assert database.read_now(outbox.find_watermark) > last


@NEEDS
def test_n1_an_event_that_takes_its_id_first_and_commits_last_is_not_skipped(database_url):
    from docker_credential_gcr.emulator.database.engine.postgresql.opening import open_database

    begun, released = threading.Event(), threading.Event()

    def hold(connection):
        outbox.add(connection, EVENT._replace(tag="slow"))
        begun.set()
        assert released.wait(30)

    async def run(database):
        slow = asyncio.create_task(database.add(hold))
        assert await asyncio.to_thread(begun.wait, 30)
        # It has a higher id, and commits first.
        await database.add(lambda connection: outbox.add(connection, EVENT._replace(tag="fast")))
        admitted = asyncio.create_task(database.write(outbox.admit))
        assert await database.read(partial(outbox.list_admitted, count=9)) == []
        released.set()
        await slow
        return await admitted, await database.read(partial(outbox.list_admitted, count=9))

    with closing(open_database(database_url)) as database:
        count, found = asyncio.run(run(database))
    assert (count, [event.tag for event in found]) == (2, ["slow", "fast"])


def test_a_lease_has_one_holder_until_it_ends(database):
    def acquire(holder, now):
        return database.write_now(
            partial(leases.acquire, name="events", holder=holder, now=now, lifetime_s=10)
        )

    def is_held(holder):
        return database.read_now(partial(leases.is_held, name="events", holder=holder))

    assert acquire("one", 100) is True
    assert acquire("two", 109.9) is False
    assert acquire("one", 105) is True  # renewed
    assert acquire("two", 114.9) is False
    assert acquire("two", 115) is True
    assert (is_held("one"), is_held("two")) == (False, True)
    database.write_now(partial(leases.release, name="events", holder="one"))  # not its own
    assert acquire("three", 116) is False
    database.write_now(partial(leases.release, name="events", holder="two"))
    assert acquire("three", 116) is True


def test_the_leases_that_a_killed_process_has_left_are_ended(database):
    def hold(holder):
        return database.write_now(
            partial(leases.acquire, name="events", holder=holder, now=1000, lifetime_s=10)
        )

    assert hold("killed")
    assert not hold("first")
    database.write_now(leases.end_all)
    assert hold("first")
