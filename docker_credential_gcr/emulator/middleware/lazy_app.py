"""Lazy ASGI application: created, with its imports, when the first request for it arrives."""

import asyncio
import threading
from collections.abc import Callable
from typing import Any, Generic, TypeVar

A = TypeVar("A", bound=Callable[..., Any])


class LazyApp(Generic[A]):
    """The application that `create` returns; `app` is None until then.

    `create` holds the imports, so that a server is ready without those that its first requests may not need.
    """

    def __init__(self, create: Callable[[], A]) -> None:
        self.app: A | None = None
        self._create = create
        self._lock = threading.Lock()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Passes one request to the application."""
        # In a thread: imports would block other requests.
        app = await asyncio.to_thread(self.load) if self.app is None else self.app
        await app(scope, receive, send)

    def load(self) -> A:
        """Returns the application; creates it once, also when several threads call."""
        with self._lock:
            app = self.app = self._create() if self.app is None else self.app
        return app
