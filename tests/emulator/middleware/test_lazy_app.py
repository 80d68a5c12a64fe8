"""An application that is made late is made once, for requests that come at the same time too."""

import asyncio
import threading
from typing import Any

import pytest

from docker_credential_gcr.emulator.middleware.lazy_app import LazyApp


class Answers:
    """An application that counts the requests which it gets."""

    def __init__(self) -> None:
        self.requests: list[object] = []

    async def __call__(self, scope: Any, _receive: Any, _send: Any) -> None:
        self.requests.append(scope)


def test_the_application_is_made_at_the_first_request_and_gets_all_of_them() -> None:
    made: list[Answers] = []

    def make() -> Answers:
        made.append(Answers())
        return made[-1]

    async def ask() -> tuple[object, list[list[object]]]:
        app = LazyApp(make)
        before = app.made
        await asyncio.gather(*(app(number, None, None) for number in range(20)))
        await app(20, None, None)
        return before, [sorted(each.requests) for each in made]  # type: ignore[type-var]

    assert asyncio.run(ask()) == (None, [list(range(21))])


def test_other_requests_are_served_while_it_is_made() -> None:
    others_are_served = threading.Event()

    def make() -> Answers:
        assert others_are_served.wait(60)
        return Answers()

    async def ask() -> list[object]:
        app = LazyApp(make)
        first = asyncio.ensure_future(app("first", None, None))
        await asyncio.sleep(0)
        others_are_served.set()
        await first
        return app.load().requests

    assert asyncio.run(ask()) == ["first"]


def test_where_it_cannot_be_made_each_request_is_told_so() -> None:
    def make() -> Answers:
        raise ImportError("starlette")

    async def ask() -> None:
        app = LazyApp(make)
        for _ in range(2):
            with pytest.raises(ImportError, match=r"^starlette$"):
                await app("scope", None, None)

    asyncio.run(ask())
