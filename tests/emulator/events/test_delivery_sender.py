"""Deliveries with a clock that tests turn: attempts, order, limits, retention; rows N2, N4, N9 by number."""

import asyncio
from contextlib import closing
from functools import partial

import pytest

from docker_credential_gcr.emulator.database.engine.sqlite import SqliteDatabase
from docker_credential_gcr.emulator.database.events import deliveries, leases
from docker_credential_gcr.emulator.database.events.outbox import Event
from docker_credential_gcr.emulator.database.events.webhooks import Webhook
from docker_credential_gcr.emulator.events.delivery_sender import ATTEMPTS, DeliverySender, Outcome
from docker_credential_gcr.emulator.events.fanout import DeliveryQueue
from docker_credential_gcr.emulator.events.lease import Lease
from docker_credential_gcr.emulator.events.webhook_subscriber import WebhookSubscriber
from docker_credential_gcr.emulator.outgoing.answer import Answer

START = 1_767_225_600
DAY_S = 24 * 3600
WEEK_S = 7 * DAY_S
OK, BROKEN = Outcome(status=200), Outcome("the receiver answered 500", 500)


class Receiver:
    """A subscriber that says what a test has set, first for a tag, then `default`."""

    def __init__(self, name="builds", default=OK):
        self.name = self.label = name
        self.default = default
        self.outcomes = {}
        self.received = []
        self.is_disabled = False

    async def send(self, delivery):
        self.received.append((delivery.event.tag, delivery.attempts))
        return self.outcomes.get(delivery.event.tag, self.default)

    def disable(self, connection, reason):
        self.is_disabled = True
        deliveries.fail_waiting(connection, self.name, reason)

    def take(self):
        taken, self.received = self.received, []
        return taken


class Emulator:
    """A database with the sender and the queue of one process."""

    def __init__(self, path):
        self.path = path
        self.now, self.tick = START, 0
        self.receivers = [Receiver()]
        self.counted = []
        self.most = 100
        self.open()

    def open(self):
        self.database = SqliteDatabase(self.path)
        self.sender = DeliverySender(
            self.database,
            lambda _: [each for each in self.receivers if not each.is_disabled],
            now=self.read_clock,
            retention_s=WEEK_S,
            count=lambda result, count: self.counted.append((result, count)),
            pick=lambda: 1.0,
        )

    def close(self):
        self.database.close()

    def read_clock(self):
        """Returns the time, which is later by a tick at each call."""
        self.now += self.tick
        return self.now

    def add(self, *tags, repository="gcr.io/my-project/app", subscriber="builds"):
        queue = DeliveryQueue(
            now=lambda: self.now,
            most=self.most,
            retention_s=WEEK_S,
            count=lambda result, count: self.counted.append((result, count)),
        )
        events = [
            Event(int(self.now * 1000), "INSERT", "my-project", "service", repository, tag=tag)
            for tag in tags
        ]
        self.database.write_now(partial(queue.add, subscriber=subscriber, events=events))

    def send(self, lease=None):
        """Sends what is due, until nothing is."""

        async def run():
            held = lease or Lease(self.database)
            assert lease or await held.hold()
            await self.sender.send_due(held)
            while self.sender.is_busy():
                await asyncio.sleep(0)
            await held.release()

        asyncio.run(run())

    def find_due(self):
        return asyncio.run(self.sender.find_due())

    def states(self, subscriber="builds"):
        found = self.database.read_now(partial(deliveries.list_newest, subscriber=subscriber, count=1000))
        return [(each.event.tag, each.state, each.attempts) for each in reversed(found)]


@pytest.fixture
def emulator(tmp_path):
    with closing(Emulator(tmp_path / "emulator.db")) as emulator:
        yield emulator


def test_events_of_one_repository_follow_each_other_without_a_wait_while_time_passes(emulator):
    (receiver,) = emulator.receivers
    emulator.add("v1", "v2", "v3")
    emulator.tick = 0.001
    emulator.send()

    assert receiver.take() == [("v1", 1), ("v2", 1), ("v3", 1)]


def test_n4_attempts_2_to_24_follow_the_clock_and_then_the_delivery_has_failed(emulator):
    (receiver,) = emulator.receivers
    receiver.default = BROKEN
    emulator.add("v1", "v2")
    waits = []
    for attempt in range(1, ATTEMPTS + 1):
        emulator.send()
        assert receiver.take()[-1][1] == attempt or attempt == ATTEMPTS
        if attempt < ATTEMPTS:
            waits.append(emulator.find_due() - emulator.now)
            emulator.now += waits[-1] - 0.01
            emulator.send()  # too early
            assert receiver.take() == []
            emulator.now += 0.01
            emulator.close()  # attempts survive a restart
            emulator.open()

    assert waits == [min(3600, 2**number) for number in range(ATTEMPTS - 1)]
    assert emulator.states() == [("v1", "failed", ATTEMPTS), ("v2", "waiting", 1)]
    assert emulator.counted[-3:] == [("refused", 1), ("failed", 1), ("refused", 1)]


def test_order_holds_in_a_repository_and_another_repository_does_not_wait(emulator):
    (receiver,) = emulator.receivers
    receiver.outcomes = {"a1": BROKEN}
    emulator.add("a1", "a2", repository="gcr.io/my-project/a")
    emulator.add("b1", "b2", repository="gcr.io/my-project/b")
    emulator.send()

    assert receiver.take() == [("a1", 1), ("b1", 1), ("b2", 1)]
    receiver.outcomes = {}
    emulator.add("a3", repository="gcr.io/my-project/a")
    emulator.now += 1
    emulator.send()
    assert receiver.take() == [("a1", 2), ("a2", 1), ("a3", 1)]
    assert emulator.find_due() is None


def test_a_delivery_that_is_older_than_events_are_kept_has_failed_and_the_next_goes_on(emulator):
    (receiver,) = emulator.receivers
    emulator.add("v1")
    emulator.now += WEEK_S + 1
    emulator.add("v2")
    emulator.send()

    assert receiver.take() == [("v2", 1)]
    assert emulator.states() == [("v1", "failed", 0), ("v2", "delivered", 1)]


def test_at_the_limit_the_oldest_of_that_subscriber_is_dropped_and_counted(emulator):
    emulator.receivers.append(Receiver("deploys"))
    emulator.most = 3
    emulator.add("v1", subscriber="deploys")
    emulator.add("v1", "v2", "v3", "v4", "v5")

    assert emulator.counted == [("dropped", 2)]
    assert emulator.states() == [
        ("v1", "failed", 0),
        ("v2", "failed", 0),
        *((tag, "waiting", 0) for tag in ("v3", "v4", "v5")),
    ]
    (dropped, *_) = emulator.database.read_now(
        partial(deliveries.list_newest, subscriber="builds", states=["failed"], count=10)
    )
    assert dropped.error == "dropped: more than 3 deliveries waited"
    emulator.send()
    assert [receiver.take() for receiver in emulator.receivers] == [
        [("v3", 1), ("v4", 1), ("v5", 1)],
        [("v1", 1)],
    ]


def test_ended_deliveries_are_kept_up_to_the_limit_and_the_retention(emulator):
    emulator.most = 2
    for number in range(5):
        emulator.add(f"v{number}")
        emulator.send()

    emulator.add("v5")
    assert emulator.states() == [("v3", "delivered", 1), ("v4", "delivered", 1), ("v5", "waiting", 0)]
    emulator.now += WEEK_S + 1
    emulator.add("v6")
    assert emulator.states() == [("v5", "waiting", 0), ("v6", "waiting", 0)]


def test_n2_without_the_lease_nothing_is_sent_or_recorded(emulator, caplog):
    (receiver,) = emulator.receivers
    lease = Lease(emulator.database)

    async def lose(delivery):
        receiver.received.append((delivery.event.tag, delivery.attempts))
        await emulator.database.write(partial(leases.release, name="events", holder=lease.holder))
        other = Lease(emulator.database)
        assert await other.hold()
        return OK

    receiver.send = lose
    emulator.add("v1", "v2")
    assert asyncio.run(lease.hold())
    emulator.send(lease)

    assert receiver.take() == [("v1", 1)]
    assert emulator.states() == [("v1", "waiting", 1), ("v2", "waiting", 0)]
    assert caplog.messages == ["another process sends to builds: an attempt is not recorded"]


def test_n9_retry_after_counts_if_it_is_longer_than_the_back_off(emulator):
    (receiver,) = emulator.receivers
    receiver.default = Outcome("the receiver answered 503", 503, retry_after_s=120)
    emulator.add("v1")
    emulator.send()
    assert emulator.find_due() == START + 120

    receiver.default = Outcome("the receiver answered 503", 503, retry_after_s=10**9)
    emulator.now += 120
    emulator.send()
    assert emulator.find_due() == START + 120 + DAY_S


@pytest.mark.parametrize(("status", "wait_s"), [(429, 120.0), (503, 120.0), (500, 0.0), (400, 0.0)])
def test_n9_a_webhook_waits_as_long_as_429_and_503_ask(status, wait_s):
    class Outgoing:
        async def post(self, _url, _headers, _body):
            return Answer(status, {"retry-after": "120"}, b"")

    webhook = Webhook("5f0c", "http://localhost/", None, ["INSERT"], "docker", [], 0)
    outcome = asyncio.run(WebhookSubscriber(webhook, Outgoing()).try_out(START * 1000))

    error = f"the receiver answered {status}"
    assert outcome == Outcome(error, status, retry_after_s=wait_s)


def count_statements(database, work):
    """Returns how many statements the work runs."""
    statements = []

    def traced(connection):
        driver = connection.connection.dbapi_connection
        driver.set_trace_callback(statements.append)
        try:
            work(connection)
        finally:
            driver.set_trace_callback(None)

    database.write_now(traced)
    return len(statements)


def test_what_a_full_queue_drops_takes_as_many_statements_as_one(emulator):
    def drop_all_but(most):
        return partial(deliveries.limit, subscriber="builds", most=most, before_ms=0, now_ms=START * 1000)

    emulator.add(*(f"v{number}" for number in range(90)))
    counted = [count_statements(emulator.database, drop_all_but(most)) for most in (89, 46)]

    assert counted[0] == counted[1]
    assert [state for _, state, _ in emulator.states()] == ["failed"] * 44 + ["waiting"] * 46


def test_old_deliveries_fail_some_at_a_time_because_pushes_wait(emulator):
    (receiver,) = emulator.receivers
    emulator.most = 1000
    emulator.add(*(f"v{number}" for number in range(150)))
    emulator.now += WEEK_S + 1
    emulator.send()
    failed = [state for _, state, _ in emulator.states()].count("failed")
    emulator.add("v150")
    emulator.send()

    assert failed == 100
    assert receiver.take() == [("v150", 1)]


def test_a_subscriber_that_is_disabled_gets_nothing_more_and_what_waits_has_failed(emulator, caplog):
    (receiver,) = emulator.receivers
    receiver.outcomes = {"v2": Outcome("the receiver answered 410", 410, disables="it answered 410 Gone")}
    emulator.add("v1", "v2", "v3")
    emulator.send()

    assert receiver.take() == [("v1", 1), ("v2", 1)]
    assert emulator.states() == [("v1", "delivered", 1), ("v2", "failed", 1), ("v3", "failed", 0)]
    assert caplog.messages == ["builds gets no more events: it answered 410 Gone"]


def test_redelivered_ones_go_first_in_their_old_order(emulator):
    (receiver,) = emulator.receivers
    receiver.default = Outcome("no", is_final=True)
    emulator.add("v1", "v2")
    emulator.send()
    receiver.take()
    receiver.default = OK
    emulator.add("v3")
    redeliver = partial(deliveries.redeliver, subscriber="builds", names=None, now_ms=START * 1000)

    assert emulator.database.write_now(redeliver) == 2
    emulator.send()
    assert receiver.take() == [("v1", 1), ("v2", 1), ("v3", 1)]


def test_a_refusal_is_logged_once_until_a_success(emulator, caplog):
    (receiver,) = emulator.receivers
    for outcome in (BROKEN, BROKEN, OK, BROKEN):
        receiver.default = outcome
        emulator.now += 3600
        emulator.add("v1")
        emulator.send()

    said = "builds did not accept an event, which is sent again: the receiver answered 500"
    assert caplog.messages == [said, said]
