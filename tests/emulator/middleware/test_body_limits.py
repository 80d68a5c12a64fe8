"""Body limits, with functions as clients, in virtual time."""

import asyncio

import pytest
from support.virtual_time import run

from docker_credential_gcr.emulator.middleware.body_limits import BodyLimits
from docker_credential_gcr.emulator.request_context import CURRENT, CurrentRequest, note_member
from docker_credential_gcr.emulator.runtime.errors import TooManyRequests
from docker_credential_gcr.emulator.settings import Limits
from docker_credential_gcr.emulator.telemetry.metrics import ProcessCounts
from docker_credential_gcr.emulator.telemetry.request_observer import RequestObserver

GONE = {"type": "http.disconnect"}
PUSH = b"/v2/my-project/app/blobs/uploads/some"
MANIFEST = b"/v2/my-project/app/manifests/latest"
TOKEN = b"/token"


class Exchange:
    """A request and an application that reads its body; `closes`: the response ends the connection."""

    def __init__(self, receive, limits, pause_s=0.0):
        self.messages = []
        self.closes = None
        self._receive = receive
        self._limits = limits
        self._pause_s = pause_s

    def run(self, method="PUT", version="1.1"):
        scope = {"method": method, "http_version": version, "headers": [], "raw_path": PUSH}
        observed = RequestObserver(ProcessCounts(), None).wrap(self._read)
        run(BodyLimits(self._limits).wrap(observed)(scope, self._receive, self._send))
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
    """Returns a client's `receive`."""
    remaining = list(chunks)

    async def receive():
        await asyncio.sleep(every_s)
        if not remaining:
            await asyncio.Event().wait()
        chunk = remaining.pop(0)
        return {"type": "http.request", "body": chunk, "more_body": bool(remaining) or then_silent}

    return receive


def test_body_is_passed_on_unchanged():
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


def test_t14_each_body_has_its_own_deadline():
    """Runs two bodies with one timer, which the silent one fires."""

    async def main():
        seen = {}

        async def app(scope, receive, _send):
            messages = []
            while not messages or messages[-1].get("more_body", False):
                messages.append(await receive())
            seen[scope["name"]] = messages

        wrapped = BodyLimits(Limits(body_silence_s=0.3, body_rate=1)).wrap(app)
        clients = {
            "silent": client(b"abc", then_silent=True),
            "late": client(*[b"x"] * 10, every_s=0.05),
        }
        scope = {"method": "PUT", "http_version": "1.1", "headers": [], "raw_path": PUSH}
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

        scope = {"method": "POST", "http_version": "1.1", "headers": [], "raw_path": PUSH}
        await BodyLimits(Limits(body_silence_s=0.01)).wrap(app)(scope, client(b"abc"), None)

    run(main())


class ConcurrentRequests:
    """Concurrent requests, each to an application that reads the whole body; `silent` ones never end."""

    def __init__(self, **limits):
        self._wrapped = BodyLimits(Limits(**limits)).wrap(self._read)

    def start(self, path, *chunks, member=None, silent=False):
        """Starts a request of a member (None: without a valid credential); returns its outcome's future."""

        async def main():
            CURRENT.set(CurrentRequest("id"))
            scope = {
                "method": "PUT",
                "http_version": "1.1",
                "headers": [],
                "raw_path": path,
                "member": member,
            }
            try:
                return await self._wrapped(scope, client(*chunks, then_silent=silent), None)
            except TooManyRequests as error:
                return str(error)

        return asyncio.ensure_future(main())

    async def _read(self, scope, receive, _send):
        note_member(scope["member"])
        more = True
        try:
            while more:
                message = await receive()
                more = message.get("more_body", False)
        except TooManyRequests:
            # The read of the rest, after the response, stops here too.
            assert await receive() == GONE
            raise


TOO_MANY = "too many requests with bodies at once"


async def settle():
    """Lets every request run until it waits."""
    for _ in range(20):
        await asyncio.sleep(0)


def test_t14_pushes_over_the_bound_are_refused_until_one_ends():
    async def main():
        requests = ConcurrentRequests(bodies=2)
        first, second = (requests.start(PUSH, b"abc", member="user:a", silent=True) for _ in range(2))
        await settle()
        assert await requests.start(PUSH, b"abc", member="user:a") == TOO_MANY
        first.cancel()
        await settle()
        assert await requests.start(PUSH, b"abc", member="user:a") is None
        assert not second.done()
        second.cancel()

    run(main())


@pytest.mark.parametrize(
    ("path", "member"),
    [
        pytest.param(TOKEN, None, id="B-Z08-tokens"),
        pytest.param(b"/v1/projects", "user:a", id="B-Z08-apis"),
        pytest.param(PUSH, None, id="B-Z08-pushes-without-a-credential"),
    ],
)
def test_z08_silent_requests_of_others_take_no_places_of_pushes(path, member):
    async def main():
        requests = ConcurrentRequests(bodies=2, other_bodies=3)
        silent = [requests.start(path, b"abc", member=member, silent=True) for _ in range(3)]
        await settle()
        assert await requests.start(PUSH, b"abc", member="user:b") is None
        assert await requests.start(MANIFEST, b"abc", member="user:b") is None
        assert [task.done() for task in silent] == [False] * 3
        for task in silent:
            task.cancel()

    run(main())


def test_z08_the_longest_silent_of_the_others_gives_way_to_a_new_one():
    async def main():
        requests = ConcurrentRequests(other_bodies=3)
        silent = [requests.start(TOKEN, b"abc", silent=True) for _ in range(3)]
        await settle()
        assert await requests.start(TOKEN, b"abc") is None
        await asyncio.wait_for(silent[0], 1)
        assert [task.done() for task in silent] == [True, False, False]
        for task in silent:
            task.cancel()

    run(main())


@pytest.mark.parametrize(
    ("path", "member", "outcome"),
    [
        pytest.param(MANIFEST, "user:a", TOO_MANY, id="B-Z08-manifests"),
        pytest.param(TOKEN, None, None, id="B-Z08-tokens"),
        pytest.param(PUSH, "user:a", None, id="B-Z08-uploads-go-to-files"),
    ],
)
def test_z08_bodies_that_are_kept_whole_are_bounded_in_bytes_together(path, member, outcome):
    async def main():
        requests = ConcurrentRequests(bodies_size=10)
        silent = [requests.start(path, b"abcd", member=member, silent=True) for _ in range(2)]
        await settle()
        assert await requests.start(path, b"abcd", member=member) == outcome
        for task in silent:
            task.cancel()
        await settle()
        # All bytes that the requests counted are free again.
        assert await requests.start(path, b"a" * 10, member=member) is None

    run(main())


def test_requests_without_a_body_are_not_counted():
    async def main():
        async def app(_scope, receive, _send):
            return receive

        scope = {"method": "GET", "headers": [], "raw_path": TOKEN}
        wrapped = BodyLimits(Limits(bodies=1)).wrap(app)
        assert await wrapped(scope, "as it is", None) == "as it is"
        empty = {**scope, "method": "PUT", "headers": [(b"content-length", b"0")]}
        assert await wrapped(empty, "as it is", None) == "as it is"

    run(main())


async def read_and_answer(app_reads, bodies, *, method="PUT", headers=()):
    """Returns the messages that were not received, and those that the application sent."""
    left, sent = list(bodies), []

    async def receive():
        # Before the response, only the application reads the body.
        assert len(bodies) - len(left) < app_reads or sent
        more = len(left) > 1
        return {"type": "http.request", "body": left.pop(0), "more_body": more}

    async def send(message):
        sent.append(message)

    async def app(_scope, receive, send):
        for _ in range(app_reads):
            await receive()
        await send("answer")

    await BodyLimits(Limits()).wrap(app)(
        {"method": method, "headers": [*headers], "raw_path": PUSH}, receive, send
    )
    return left, sent


@pytest.mark.parametrize("app_reads", [0, 1, 3])
def test_rest_is_read_after_the_answer(app_reads):
    assert asyncio.run(read_and_answer(app_reads, [b"a", b"b", b"c"])) == ([], ["answer"])


@pytest.mark.parametrize("method", ["GET", "DELETE"])
@pytest.mark.parametrize("header", [(b"content-length", b"3"), (b"transfer-encoding", b"chunked")])
def test_rest_is_read_whatever_the_method_where_a_header_tells_of_a_body(method, header):
    left, _ = asyncio.run(read_and_answer(0, [b"a", b"b", b"c"], method=method, headers=[header]))
    assert left == []


@pytest.mark.parametrize(
    ("method", "headers"),
    [
        pytest.param("GET", [], id="H-Z55-get"),
        pytest.param("HEAD", [], id="H-Z55-head"),
        pytest.param("DELETE", [], id="H-Z55-delete"),
        pytest.param("GET", [(b"content-length", b"0")], id="H-Z55-get-of-nothing"),
        pytest.param("POST", [(b"content-length", b"0")], id="H-Z55-empty"),
        pytest.param("PUT", [(b"expect", b"100-continue")], id="H-Z55-body-waits-to-be-asked-for"),
    ],
)
def test_nothing_is_read_where_nothing_would_be_cut_off(method, headers):
    left, _ = asyncio.run(read_and_answer(0, [b"a", b"b"], method=method, headers=headers))
    assert left == [b"a", b"b"]


def test_h_z55_bodys_end_is_not_asked_for_when_all_of_its_bytes_are_there():
    length = [(b"content-length", b"2")]
    assert asyncio.run(read_and_answer(2, [b"a", b"b", b""], headers=length)) == ([b""], ["answer"])
    assert asyncio.run(read_and_answer(0, [b"a", b"b", b""], headers=length)) == ([b""], ["answer"])


def test_client_that_is_gone_is_not_waited_for():
    asked = []

    async def receive():
        asked.append(None)
        return {"type": "http.disconnect"}

    async def app(*_):
        pass

    asyncio.run(
        BodyLimits(Limits()).wrap(app)({"method": "PUT", "headers": [], "raw_path": PUSH}, receive, None)
    )
    assert len(asked) == 1
