"""Workers speak with each other: asks are answered, in order, and the end of one is not the end of all."""

import asyncio
import socket

import pytest

from docker_credential_gcr.emulator.channel import AskFailed, Channel, ChannelClosed
from docker_credential_gcr.emulator.peers import First, Other

LARGE = "x" * 3_000_000


async def echo(value):
    return value


async def fail(_):
    raise LookupError("a secret")


async def never(_):
    await asyncio.Event().wait()


OPEN = []


@pytest.fixture(autouse=True)
def nothing_open():
    OPEN.clear()


def run(conversation):
    """Its result, once every channel of it has ended."""

    async def converse():
        try:
            return await conversation
        finally:
            for channel in OPEN:
                await channel.end()
            await asyncio.sleep(0)

    return asyncio.run(converse())


async def make_pair(*, left=None, right=None):
    ends = socket.socketpair()
    for end in ends:
        end.setblocking(False)
    pair = [await Channel.open(end, known or {}) for end, known in zip(ends, (left, right), strict=True)]
    OPEN.extend(pair)
    return pair


def test_either_end_asks_and_is_answered():
    async def converse():
        left, right = await make_pair(left={"echo": echo}, right={"echo": echo})
        answers = await asyncio.gather(
            left.ask("echo", {"a": [1, None]}),
            right.ask("echo", LARGE),
            left.ask("echo"),
            left.ask("echo", LARGE),
        )
        await left.end()
        await asyncio.wait_for(right.closed.wait(), 30)
        return answers

    assert run(converse()) == [{"a": [1, None]}, LARGE, None, LARGE]


def test_asks_are_begun_in_their_order():
    seen = []

    async def note(value):
        seen.append(value)

    async def converse():
        left, _ = await make_pair(right={"note": note})
        await asyncio.gather(*(left.ask("note", number) for number in range(100)))

    run(converse())
    assert seen == list(range(100))


def test_answering_may_take_asking():
    async def converse():
        ends = {}

        async def ask_back(value):
            return await ends["right"].ask("echo", value + 1)

        left, ends["right"] = await make_pair(left={"echo": echo}, right={"ask-back": ask_back})
        return await left.ask("ask-back", 1)

    assert run(converse()) == 2


def test_failure_is_told_without_its_text(capsys):
    async def converse():
        left, _ = await make_pair(right={"fail": fail})
        with pytest.raises(AskFailed) as failed:
            await left.ask("fail")
        return str(failed.value)

    assert run(converse()) == "fail: LookupError"
    assert "LookupError: a secret" in capsys.readouterr().err


def test_end_of_the_other_fails_what_was_asked_and_what_is_asked():
    async def converse():
        left, right = await make_pair(right={"never": never})
        asked = asyncio.ensure_future(left.ask("never"))
        await asyncio.sleep(0)
        await right.end()
        for asking in (asked, left.ask("never")):
            with pytest.raises(ChannelClosed):
                await asyncio.wait_for(asking, 30)

    run(converse())


async def gather_workers(count):
    """A first worker and others, each of which answers with its number."""
    first, others, channels = First(), [], []
    for number in range(1, count + 1):
        worker = first if number == 1 else Other()

        async def tell(value, number=number):
            return [number, value]

        worker.handlers.update({"tell": tell, "fail": fail if number == 2 else tell})
        if worker is not first:
            ours, theirs = socket.socketpair()
            ours.setblocking(False)
            theirs.setblocking(False)
            channels.append(await first.welcome(ours))
            OPEN.append(await worker.join(theirs))
            others.append(worker)
    OPEN.extend(channels)
    return first, others, channels


def test_every_worker_hears_what_all_answer_and_what_the_first_answers():
    async def converse():
        first, others, _ = await gather_workers(3)
        return [
            (await worker.ask_all("tell", "a"), await worker.ask_first("tell", "b"))
            for worker in (first, *others)
        ]

    everyone = [[1, "a"], [2, "a"], [3, "a"]]
    assert [(sorted(all_), one) for all_, one in run(converse())] == [(everyone, [1, "b"])] * 3


def test_worker_that_is_alone_asks_itself():
    async def converse():
        first, _, _ = await gather_workers(1)
        return await first.ask_all("tell", "a"), await first.ask_first("tell", "b")

    assert run(converse()) == ([[1, "a"]], [1, "b"])


def test_who_ended_or_failed_is_left_out():
    async def converse():
        first, others, channels = await gather_workers(4)
        before = await others[2].ask_all("fail", "a")
        await first.dismiss(channels[1])
        return sorted(before), sorted(await others[2].ask_all("tell", "b"))

    before, after = run(converse())
    assert before == [[1, "a"], [3, "a"], [4, "a"]]
    assert after == [[1, "b"], [2, "b"], [4, "b"]]


def test_worker_that_has_not_joined_can_ask_nobody():
    with pytest.raises(ChannelClosed):
        asyncio.run(Other().ask_first("tell"))
