"""A server in a thread of this process, for tests."""

import asyncio
import threading
from concurrent.futures import Future

from docker_credential_gcr.emulator.settings import Settings

from .lifecycle import new_event_loop, run
from .ready import Ready


class InThread:
    """`with InThread(settings) as ready`: serves until the block ends, as one worker."""

    def __init__(self, settings: Settings) -> None:
        if settings.workers != 1:
            raise ValueError("a server in a thread is one worker: start gcr-emulator serve for more")
        self._settings = settings
        self._ready: Future[Ready] = Future()
        self._loop = new_event_loop()
        self._stop = asyncio.Event()
        self._thread = threading.Thread(target=self._main, name="gcr-emulator", daemon=True)

    def __enter__(self) -> Ready:
        """Start it; raises what `run` raises."""
        self._thread.start()
        return self._ready.result()

    def __exit__(self, *_: object) -> None:
        """Stop it and wait until it has ended."""
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join()

    def _main(self) -> None:
        serving = run(self._settings, stop=self._stop, on_ready=self._ready.set_result)
        try:
            self._loop.run_until_complete(serving)
        except Exception as error:
            if self._ready.done():
                raise
            self._ready.set_exception(error)
        finally:
            self._loop.close()
