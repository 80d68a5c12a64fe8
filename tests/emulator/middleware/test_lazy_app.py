"""Lazy application: created once, also for requests that arrive at the same time."""

import asyncio
import threading
from typing import Any

import pytest

from docker_credential_gcr.emulator.middleware.lazy_app import LazyApp


class CountingApp:
    """Records the requests that it gets."""

    def __init__(self) -> None:
        self.requests: list[object] = []

    async def __call__(self, scope: Any, _receive: Any, _send: Any) -> None:
        self.requests.append(scope)


def test_the_application_is_created_at_the_first_request_and_gets_all_of_them() -> None:
    created: list[CountingApp] = []

    def create() -> CountingApp:
        created.append(CountingApp())
        return created[-1]

    async def ask() -> tuple[object, list[list[object]]]:
        app = LazyApp(create)
        before = app.app
        await asyncio.gather(*(app(number, None, None) for number in range(20)))
        await app(20, None, None)
        return before, [sorted(each.requests) for each in created]  # type: ignore[type-var]

    assert asyncio.run(ask()) == (None, [list(range(21))])


def test_other_requests_are_served_while_it_is_created() -> None:
    others_are_served = threading.Event()

    def create() -> CountingApp:
        assert others_are_served.wait(60)
        return CountingApp()

    async def ask() -> list[object]:
        app = LazyApp(create)
        first = asyncio.ensure_future(app("first", None, None))
        await asyncio.sleep(0)
        others_are_served.set()
        await first
        return app.load().requests

    assert asyncio.run(ask()) == ["first"]


def test_where_it_cannot_be_created_each_request_is_told_so() -> None:
    def create() -> CountingApp:
        raise ImportError("starlette")

    async def ask() -> None:
        app = LazyApp(create)
        for _ in range(2):
            with pytest.raises(ImportError, match=r"^starlette$"):
                await app("scope", None, None)

    asyncio.run(ask())
