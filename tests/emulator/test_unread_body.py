"""What of a body the application leaves is read once the answer is given."""

import asyncio

import pytest

from docker_credential_gcr.emulator.unread_body import read_to_the_end


async def run(app_reads, bodies, *, method="PUT", headers=()):
    """What was still not received when the application was done, and what it sent."""
    left, sent = list(bodies), []

    async def receive():
        # Before the answer nothing is read that the application does not ask for.
        assert len(bodies) - len(left) < app_reads or sent
        more = len(left) > 1
        return {"type": "http.request", "body": left.pop(0), "more_body": more}

    async def send(message):
        sent.append(message)

    async def app(_scope, receive, send):
        for _ in range(app_reads):
            await receive()
        await send("answer")

    await read_to_the_end(app)({"method": method, "headers": [*headers]}, receive, send)
    return left, sent


@pytest.mark.parametrize("app_reads", [0, 1, 3])
def test_rest_is_read_after_the_answer(app_reads):
    assert asyncio.run(run(app_reads, [b"a", b"b", b"c"])) == ([], ["answer"])


@pytest.mark.parametrize(
    ("method", "headers"),
    [
        pytest.param("GET", [], id="H-Z55-get"),
        pytest.param("HEAD", [], id="H-Z55-head"),
        pytest.param("DELETE", [], id="H-Z55-delete"),
        pytest.param("POST", [(b"content-length", b"0")], id="H-Z55-empty"),
        pytest.param("PUT", [(b"expect", b"100-continue")], id="H-Z55-body-waits-to-be-asked-for"),
    ],
)
def test_nothing_is_read_where_nothing_would_be_cut_off(method, headers):
    left, _ = asyncio.run(run(0, [b"a", b"b"], method=method, headers=headers))
    assert left == [b"a", b"b"]


def test_h_z55_bodys_end_is_not_asked_for_when_all_of_its_bytes_are_there():
    length = [(b"content-length", b"2")]
    assert asyncio.run(run(2, [b"a", b"b", b""], headers=length)) == ([b""], ["answer"])
    assert asyncio.run(run(0, [b"a", b"b", b""], headers=length)) == ([b""], ["answer"])


def test_client_that_is_gone_is_not_waited_for():
    asked = []

    async def receive():
        asked.append(None)
        return {"type": "http.disconnect"}

    async def app(*_):
        pass

    asyncio.run(read_to_the_end(app)({"method": "PUT", "headers": []}, receive, None))
    assert len(asked) == 1
