"""Server in a thread of this process, for tests."""

import asyncio
import threading
from concurrent.futures import Future

from docker_credential_gcr.emulator.settings import Settings

from .lifecycle import new_event_loop, run
from .ready_document import ReadyDocument


class InThread:
    """Serves with one worker until the block ends: `with InThread(settings) as ready`."""

    def __init__(self, settings: Settings) -> None:
        if settings.workers != 1:
            raise ValueError("a server in a thread has one worker: use gcr-emulator serve for more")
        self._settings = settings
        self._ready: Future[ReadyDocument] = Future()
        self._loop = new_event_loop()
        self._stop = asyncio.Event()
        self._thread = threading.Thread(target=self._main, name="gcr-emulator", daemon=True)

    def __enter__(self) -> ReadyDocument:
        """Starts the server; raises what `run` raises."""
        self._thread.start()
        return self._ready.result()

    def __exit__(self, *_: object) -> None:
        """Stops the server and waits for its end."""
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
