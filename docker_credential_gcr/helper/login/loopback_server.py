"""Loopback server for a login in a browser on this machine: receives its one answer."""

import html
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from queue import Empty, Queue

from docker_credential_gcr.errors import LoginError

from .browser import AGAIN, Attempt, StrayRequest

PAGE = """<!DOCTYPE html>
<html lang="en"><meta charset="utf-8"><title>docker-credential-gcr</title>
<body style="font-family: sans-serif; margin: 4em"><h1>%s</h1><p>You may close this page.</p></body></html>
"""
SILENCE_S = 10  # a browser may open connections without using them
POLL_S = 0.05


def receive(
    auth_url: str,
    *,
    timeout_s: float,
    open_browser: Callable[[str], bool],
    tell: Callable[[str], None],
) -> tuple[Attempt, str]:
    """Returns the attempt and the code from a browser on this machine.

    Raises LoginError when the login is refused, or no answer comes in time.
    """
    with _Listener() as listener:
        url = listener.attempt.format_url(auth_url)
        if open_browser(url):
            tell(f"a browser was opened; if you see none, open this address in one:\n\n  {url}\n")
        else:
            tell(f"open this address in a browser on this machine (else see --no-browser):\n\n  {url}\n")
        return listener.attempt, listener.wait(time.monotonic() + timeout_s)


class _Listener(ThreadingHTTPServer):
    """Server that accepts connections until one has the answer of the attempt."""

    daemon_threads = True
    allow_reuse_address = False

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        # Not localhost: a browser may resolve it to ::1, where another program may listen.
        self.attempt = Attempt(f"http://127.0.0.1:{self.server_port}/")
        self.answers: Queue[str | LoginError] = Queue()
        self._thread = threading.Thread(target=self.serve_forever, args=(POLL_S,), daemon=True)
        self._thread.start()

    def wait(self, deadline: float) -> str:
        """Returns the code. Raises LoginError."""
        try:
            answer = self.answers.get(timeout=max(0.0, deadline - time.monotonic()))
        except Empty:
            raise LoginError(
                "the login was not completed in time",
                hint=f"{AGAIN} --timeout SECONDS, or {AGAIN} --no-browser",
            ) from None
        if isinstance(answer, LoginError):
            raise answer
        return answer

    def server_close(self) -> None:
        self.shutdown()
        self._thread.join()
        super().server_close()

    def handle_error(self, *_: object) -> None:
        """Ignores a browser that closes its connection."""


class _Handler(BaseHTTPRequestHandler):
    server: _Listener
    timeout = SILENCE_S

    def do_GET(self) -> None:
        answers = self.server.answers
        if self.path.partition("?")[0] != "/":
            self._answer(404, "There is nothing here.")
            return
        try:
            code = self.server.attempt.parse_redirect(self.path)
        except StrayRequest as error:
            self._answer(400, str(error))
        except LoginError as error:
            self._answer(200, "The login was refused.")
            answers.put(error)
        else:
            self._answer(200, "You are logged in.")
            answers.put(code)

    def _answer(self, status: int, text: str) -> None:
        body = (PAGE % html.escape(text)).encode()
        self.send_response(status)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'")
        self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(body)
        self.close_connection = True

    def log_message(self, *_: object) -> None:
        """Logs nothing: the request line holds the code."""
