"""Deadline for a call of a library that may wait without a time limit."""

import threading
import time
from collections.abc import Callable
from typing import TypeVar

Result = TypeVar("Result")


class Late(TimeoutError):
    """A call did not end in time."""


def call_within(deadline: float, call: Callable[[], Result]) -> Result:
    """Returns the result of the call. Raises Late at an instant of time.monotonic.

    Runs it in a thread, because no time limit of a socket covers the look-up of a name, a server that sends a
    byte a second, or a keyring that waits for the user. The thread is not joined: the process ends soon.
    """
    results: list[Result] = []
    faults: list[BaseException] = []

    def work() -> None:
        try:
            results.append(call())
        except BaseException as error:  # noqa: BLE001 - raised again in the waiting thread
            faults.append(error)

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    thread.join(max(0.0, deadline - time.monotonic()))
    if results:
        return results[0]
    if faults:
        raise faults[0]
    raise Late("no answer in time")
