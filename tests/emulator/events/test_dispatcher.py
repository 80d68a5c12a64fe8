"""Dispatcher and its lease: events are admitted and sent by one process at a time; row N2 by number."""

import asyncio
from contextlib import closing
from functools import partial

import pytest

from docker_credential_gcr.emulator.database.engine.sqlite import SqliteDatabase
from docker_credential_gcr.emulator.database.events import outbox
from docker_credential_gcr.emulator.database.events.outbox import Event
from docker_credential_gcr.emulator.events.dispatcher import Dispatcher, Wakeup
from docker_credential_gcr.emulator.events.lazy_sender import LazySender
from docker_credential_gcr.emulator.events.lease import Lease

EVENT = Event(1000, "INSERT", "my-project", "containerregistry.googleapis.com", "gcr.io/my-project/app")
WAIT_S = 20


class RecordingSender:
    """Records the calls; `due` is when it has something to deliver."""

    def __init__(self, due=0):
        self.due = due
        self.looks = asyncio.Queue()
        self.calls = asyncio.Queue()
        self.busy = False
        self.is_closed = False

    async def find_due(self):
        self.looks.put_nowait(self.due)
        return self.due

    async def send_due(self, lease):
        self.calls.put_nowait(lease.holder)

    def is_busy(self):
        return self.busy

    async def close(self):
        self.is_closed = True


class Consumed(asyncio.Queue):
    def take(self, _connection, events):
        for event in events:
            self.put_nowait(event.tag)


@pytest.fixture
def wakeup():
    return Wakeup()


@pytest.fixture
def database(tmp_path, wakeup):
    with closing(
        SqliteDatabase(tmp_path / "emulator.db", observe=lambda *_: wakeup.note_commit())
    ) as database:
        yield database


def make(database, **options):
    return Dispatcher(database, **{"now": lambda: 0.0, "retention_s": 60, "count": 100, **options})


def add(tag):
    return lambda connection: outbox.add(connection, EVENT._replace(tag=tag))


def test_events_are_given_to_the_consumers_in_order_and_the_senders_run(database, wakeup):
    async def run():
        consumed, sender = Consumed(), RecordingSender()
        await database.write(add("v0"))  # from before the start
        dispatcher = make(database, wakeup=wakeup, consumers=[consumed.take], senders=[sender])
        async with dispatcher.running():
            first = await asyncio.wait_for(consumed.get(), WAIT_S)
            for tag in ("v1", "v2"):
                await database.write(add(tag))
            rest = [await asyncio.wait_for(consumed.get(), WAIT_S) for _ in range(2)]
            assert await asyncio.wait_for(sender.calls.get(), WAIT_S)
        assert sender.is_closed
        return [first, *rest]

    assert asyncio.run(run()) == ["v0", "v1", "v2"]


def test_a_delivery_is_sent_when_the_clock_says_so(database):
    async def run():
        now, sender = [100.0], RecordingSender(due=200.0)
        async with make(database, now=lambda: now[0], senders=[sender]).running():
            await asyncio.wait_for(sender.looks.get(), WAIT_S)
            assert sender.calls.empty()
            now[0] = 200.0  # a test turns the clock; nothing is committed
            await asyncio.wait_for(sender.calls.get(), WAIT_S)

    asyncio.run(run())


def test_without_work_nothing_is_written_so_that_nothing_wakes_the_next_look(database, wakeup):
    async def run():
        sender = RecordingSender(due=None)
        async with make(database, wakeup=wakeup, senders=[sender]).running():
            await asyncio.wait_for(sender.looks.get(), WAIT_S)
            version = database.version()
            await database.write(add("v1"))
            await asyncio.wait_for(sender.looks.get(), WAIT_S)
        # The event, and its admission.
        return database.version() - version

    assert asyncio.run(run()) == 2


def test_a_lazy_sender_is_built_when_it_has_work(database):
    async def run():
        has_work, sender = [False], RecordingSender()
        lazy = LazySender(database, lambda _connection: has_work[0], lambda: sender)
        await lazy.send_due(Lease(database))
        assert (await lazy.find_due(), lazy.is_busy()) == (None, False)
        await lazy.close()
        has_work[0] = True
        assert await lazy.find_due() == 0
        await lazy.send_due(Lease(database))
        sender.busy = True
        assert (lazy.is_busy(), sender.calls.qsize()) == (True, 1)
        await lazy.close()
        assert sender.is_closed

    asyncio.run(run())


def test_an_error_is_logged_and_the_next_look_tries_again(database, caplog):
    class FailingOnce(Consumed):
        has_failed = False

        def take(self, connection, events):
            if not self.has_failed:
                self.has_failed = True
                raise RuntimeError("the consumer failed")
            super().take(connection, events)

    async def run():
        consumed = FailingOnce()
        await database.write(add("v1"))
        async with make(database, consumers=[consumed.take]).running():
            return await asyncio.wait_for(consumed.get(), WAIT_S)

    assert asyncio.run(run()) == "v1"
    assert "events wait, the next look tries again" in caplog.text


def test_of_two_dispatchers_one_sends_until_it_ends(database):
    async def run():
        first, second = RecordingSender(due=0), RecordingSender(due=0)
        first.busy = True
        async with make(database, senders=[first]).running():
            await asyncio.wait_for(first.calls.get(), WAIT_S)
            async with make(database, senders=[second], lease=Lease(database)).running():
                for _ in range(2):
                    await asyncio.wait_for(first.calls.get(), WAIT_S)
                assert second.calls.empty()
                first.busy = False
                await asyncio.wait_for(second.calls.get(), WAIT_S)

    asyncio.run(run())


def test_n2_a_process_that_stood_still_for_twice_the_lease_marks_nothing(database):
    async def run():
        now = [1000.0]
        stopped, other = (Lease(database, lifetime_s=10, system_clock=lambda: now[0]) for _ in range(2))
        assert await stopped.hold()
        old = stopped.holder
        now[0] += 20  # SIGSTOP
        assert await other.hold()
        assert await database.read(stopped.is_held) is False
        assert await database.read(other.is_held) is True
        assert await stopped.hold() is False
        await other.release()
        assert await stopped.hold()
        assert stopped.holder != old

    asyncio.run(run())


def test_old_events_are_deleted_by_the_emulators_clock(database):
    async def run():
        consumed = Consumed()
        dispatcher = make(database, consumers=[consumed.take], count=2)
        for number in range(5):
            await database.write(add(f"v{number}"))
        dispatcher._unpruned = 1000
        async with dispatcher.running():
            for _ in range(5):
                await asyncio.wait_for(consumed.get(), WAIT_S)
            await database.write(add("v5"))
            await asyncio.wait_for(consumed.get(), WAIT_S)
        return await database.read(partial(outbox.list_admitted, count=9))

    assert len(asyncio.run(run())) <= 3
