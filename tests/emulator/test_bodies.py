"""The pace of a body, with clients that are functions, and time that passes when nothing is left to do."""

import asyncio
import selectors

import pytest

from docker_credential_gcr.emulator.bodies import Bodies
from docker_credential_gcr.emulator.capacity import TooManyRequests
from docker_credential_gcr.emulator.settings import Limits

GONE = {"type": "http.disconnect"}


class Selector(selectors.DefaultSelector):
    """Waits for nothing: it puts the loop's clock forward instead."""

    now = 0.0

    def select(self, timeout=None):
        assert timeout is not None, "every task waits for something that never comes"
        self.now += timeout
        return super().select(0)


def run(main):
    """As asyncio.run, on that clock."""
    selector = Selector()
    loop = asyncio.SelectorEventLoop(selector)
    loop.time = lambda: selector.now
    try:
        return loop.run_until_complete(main)
    finally:
        loop.close()


class Exchange:
    """A request with a body, and an application that reads it until it ends; `closes` is what it answered."""

    def __init__(self, receive, limits, pause_s=0.0):
        self.messages = []
        self.closes = None
        self._receive = receive
        self._limits = limits
        self._pause_s = pause_s

    def run(self, method="PUT", version="1.1"):
        scope = {"method": method, "http_version": version, "headers": []}
        run(Bodies(self._limits).wrap(self._read)(scope, self._receive, self._send))
        return self

    async def _read(self, _scope, receive, send):
        more = True
        while more:
            await asyncio.sleep(self._pause_s)
            message = await receive()
            self.messages.append(message)
            more = message.get("more_body", False)
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    async def _send(self, message):
        if message["type"] == "http.response.start":
            self.closes = (b"connection", b"close") in message["headers"]


def client(*chunks, every_s=0.0, then_silent=False):
    """A client's `receive`."""
    remaining = list(chunks)

    async def receive():
        await asyncio.sleep(every_s)
        if not remaining:
            await asyncio.Event().wait()
        chunk = remaining.pop(0)
        return {"type": "http.request", "body": chunk, "more_body": bool(remaining) or then_silent}

    return receive


def test_body_that_comes_is_handed_on_as_it_is():
    done = Exchange(client(b"abc", b"", b"def"), Limits()).run()
    assert [message["body"] for message in done.messages] == [b"abc", b"", b"def"]
    assert done.closes is False


@pytest.mark.parametrize(("version", "closes"), [("1.1", True), ("1.0", True), ("2", False)])
def test_t14_client_that_falls_silent_has_hung_up(version, closes):
    done = Exchange(client(b"abc", then_silent=True), Limits(body_silence_s=0.05)).run(version=version)
    assert done.messages[-1] == GONE
    assert len(done.messages) == 2
    assert done.closes is closes


def test_t14_client_that_trickles_has_hung_up_in_the_end():
    chunks = [b"x"] * 1000
    done = Exchange(client(*chunks, every_s=0.01), Limits(body_silence_s=0.2, body_rate=1000)).run()
    assert done.messages[-1] == GONE
    assert 1 < len(done.messages) < 1000


def test_t14_each_body_has_a_deadline_of_its_own():
    """They share one timer, which the one that is silent from the start sets off."""

    async def main():
        seen = {}

        async def app(scope, receive, _send):
            messages = []
            while not messages or messages[-1].get("more_body", False):
                messages.append(await receive())
            seen[scope["name"]] = messages

        wrapped = Bodies(Limits(body_silence_s=0.3, body_rate=1)).wrap(app)
        clients = {
            "silent": client(b"abc", then_silent=True),
            "late": client(*[b"x"] * 10, every_s=0.05),
        }
        scope = {"method": "PUT", "http_version": "1.1", "headers": []}
        await asyncio.gather(
            *(wrapped({**scope, "name": name}, receive, None) for name, receive in clients.items())
        )
        assert seen["silent"][1:] == [GONE]
        assert [message["body"] for message in seen["late"]] == [b"x"] * 10

    run(main())


def test_only_the_time_that_is_spent_waiting_for_the_client_counts():
    chunks = [b"x"] * 20
    limits = Limits(body_silence_s=0.15, body_rate=1000)
    done = Exchange(client(*chunks), limits, pause_s=0.02).run()
    assert len(done.messages) == len(chunks)
    assert done.closes is False


def test_after_its_body_a_client_may_be_silent_as_long_as_it_likes():
    async def main():
        async def app(_scope, receive, _send):
            assert (await receive())["body"] == b"abc"
            asked_on = asyncio.ensure_future(receive())
            done, _ = await asyncio.wait({asked_on}, timeout=3600)
            assert done == set()
            asked_on.cancel()

        scope = {"method": "POST", "http_version": "1.1", "headers": []}
        await Bodies(Limits(body_silence_s=0.01)).wrap(app)(scope, client(b"abc"), None)

    run(main())


def test_t14_bodies_over_the_bound_are_refused_and_requests_without_are_not():
    async def main():
        arriving = asyncio.Event()
        end = asyncio.Event()

        async def app(_scope, _receive, _send):
            arriving.set()
            await end.wait()

        with_body = {"method": "PUT", "http_version": "1.1", "headers": [(b"content-length", b"1")]}
        empty = {**with_body, "headers": [(b"content-length", b"0")]}
        without = {**empty, "method": "GET"}
        wrapped = Bodies(Limits(bodies=1)).wrap(app)
        first = asyncio.ensure_future(wrapped(with_body, None, None))
        await arriving.wait()
        with pytest.raises(TooManyRequests, match="too many requests with bodies at once"):
            await wrapped(with_body, None, None)
        end.set()
        await wrapped(without, None, None)
        await wrapped(empty, None, None)
        await first
        await wrapped(with_body, None, None)

    run(main())
