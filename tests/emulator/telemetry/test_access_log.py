"""Access log: lines of JSON on a stream that may be slow, broken or full."""

import io
import json
import logging
import threading

import pytest

from docker_credential_gcr.emulator.request_context import CURRENT, CurrentRequest
from docker_credential_gcr.emulator.telemetry import access_log as log_module
from docker_credential_gcr.emulator.telemetry.access_log import AccessLog

ERRORS = logging.getLogger("docker_credential_gcr.emulator.registry.app")


class StuckStream(io.StringIO):
    """A pipe whose reader starts late."""

    def __init__(self) -> None:
        super().__init__()
        self.is_read = threading.Event()
        self.is_tried = threading.Event()

    def write(self, text: str) -> int:
        self.is_tried.set()
        self.is_read.wait(30)
        return super().write(text)


class BrokenStream(io.StringIO):
    """A pipe that its reader has closed."""

    def write(self, _text: str) -> int:
        raise BrokenPipeError


def lines_of(stream: io.StringIO) -> list[dict[str, object]]:
    lines = [json.loads(line) for line in stream.getvalue().splitlines()]
    for line in lines:
        assert str(line.pop("time")).endswith("Z")
    return lines


def test_lines_are_written_in_their_order_and_all_before_it_closes() -> None:
    stream = io.StringIO()
    log = AccessLog("json", stream)
    for number in range(1000):
        log.write("info", {"number": number, "text": 'a"\n\u2028'})
    log.close()

    expected = [{"level": "info", "number": number, "text": 'a"\n\u2028'} for number in range(1000)]
    assert lines_of(stream) == expected
    assert stream.getvalue().isascii()


def test_internal_error_is_a_line_with_its_traceback_and_the_request(
    caplog: pytest.LogCaptureFixture,
) -> None:
    stream = io.StringIO()
    log = AccessLog("json", stream)
    CURRENT.set(CurrentRequest("request-7"))
    try:
        raise ValueError("what went wrong")
    except ValueError as error:
        ERRORS.error("internal error", exc_info=error)
    log.close()
    ERRORS.error("after the end")

    (line,) = lines_of(stream)
    message = str(line.pop("message"))
    assert line == {"level": "error", "request_id": "request-7", "logger": ERRORS.name}
    assert message.startswith("internal error\nTraceback (most recent call last):\n")
    assert message.endswith("\nValueError: what went wrong")
    assert caplog.messages == ["internal error", "after the end"]


def test_lines_that_no_reader_takes_are_dropped_and_counted() -> None:
    stream = StuckStream()
    log = AccessLog("json", stream)
    log.write("info", {"number": 0})
    stream.is_tried.wait(30)
    for number in range(1, log_module._MAX_LINES + 6):
        log.write("info", {"number": number})
    assert log.dropped == 5

    stream.is_read.set()
    log.close()
    assert [line["number"] for line in lines_of(stream)] == list(range(log_module._MAX_LINES + 1))


def test_z04_lines_that_no_reader_takes_are_bounded_in_characters_too() -> None:
    stream = StuckStream()
    log = AccessLog("json", stream)
    log.write("info", {"number": 0})
    stream.is_tried.wait(30)
    waiting = log_module._MAX_SIZE // 1_000_000
    for number in range(1, waiting + 4):
        log.write("info", {"number": number, "text": "a" * 1_000_000})
    assert log.dropped == 3

    stream.is_read.set()
    log.close()
    assert [line["number"] for line in lines_of(stream)] == list(range(waiting + 1))


def test_broken_stream_stops_no_request() -> None:
    log = AccessLog("json", BrokenStream())
    log.write("info", {"number": 0})
    log.close()
    assert log.dropped == 1
