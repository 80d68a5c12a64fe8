"""An ASGI application that is made, with what it imports, when the first request for it comes."""

import asyncio
import threading
from collections.abc import Callable
from typing import Any, Generic, TypeVar

A = TypeVar("A", bound=Callable[..., Any])


class LazyApp(Generic[A]):
    """The application that `make` returns; `made` is None until it was asked for.

    A server says that it is ready without what its first requests may never need: `make` holds the imports.
    """

    def __init__(self, make: Callable[[], A]) -> None:
        self.made: A | None = None
        self._make = make
        self._lock = threading.Lock()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Hand one request on."""
        # In a thread: imports would keep other requests waiting.
        app = await asyncio.to_thread(self.load) if self.made is None else self.made
        await app(scope, receive, send)

    def load(self) -> A:
        """Returns the application, after others that make it."""
        with self._lock:
            made = self.made = self._make() if self.made is None else self.made
        return made
