"""A browser for the sign-in pages: parses forms, fills them in and submits them."""

from collections.abc import Callable
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any
from urllib.parse import urlencode

import pytest

SAME_ORIGIN = {"origin": "http://localhost:5000", "sec-fetch-site": "same-origin"}


@dataclass
class Form:
    """Form of a page; `buttons` are the pairs that a button sends."""

    method: str
    action: str
    fields: dict[str, str] = field(default_factory=dict)
    buttons: list[tuple[str, str]] = field(default_factory=list)


class Page(HTMLParser):
    """Forms of a page, and its text."""

    def __init__(self, body: bytes) -> None:
        super().__init__()
        self.forms: list[Form] = []
        self.words: list[str] = []
        self.tags: list[str] = []
        self.source = body.decode()
        self.feed(self.source)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = {name: value or "" for name, value in attrs}
        self.tags.append(tag)
        if tag == "form":
            self.forms.append(Form(found["method"], found["action"]))
        elif tag == "input":
            self.forms[-1].fields[found["name"]] = found.get("value", "")
        elif tag == "button" and "name" in found:
            self.forms[-1].buttons.append((found["name"], found["value"]))

    def handle_data(self, data: str) -> None:
        if data.strip() and self.tags[-1] != "style":
            self.words.append(" ".join(data.split()))


class Browser:
    """Browser at the emulator, with its cookie; `headers` are sent with each form."""

    def __init__(self, apis: Any) -> None:
        self.apis = apis
        self.cookie = ""
        self.headers = dict(SAME_ORIGIN)

    def open(self, path: str) -> tuple[Any, Page]:
        """Returns the page at a URL."""
        return self._send("GET", path)

    def submit(self, form: Form, **fields: str) -> tuple[Any, Page]:
        """Fills in some fields of a form, submits it, and returns the response."""
        content = urlencode({**form.fields, **fields})
        if form.method == "get":
            return self._send("GET", f"{form.action}?{content}")
        headers = {"content-type": "application/x-www-form-urlencoded", **self.headers}
        return self._send("POST", form.action, content.encode(), headers)

    def _send(
        self, method: str, path: str, body: bytes = b"", headers: dict[str, str] | None = None
    ) -> tuple[Any, Page]:
        cookies = {"cookie": self.cookie} if self.cookie else {}
        reply = self.apis.send(method, path, body, {**cookies, **(headers or {})})
        if "set-cookie" in reply.headers:
            self.cookie = reply.headers["set-cookie"].partition(";")[0]
        return reply, Page(reply.body if isinstance(reply.body, bytes) else b"")


@pytest.fixture
def make_browser(apis: Any) -> Callable[[], Browser]:
    """Returns a function that creates a browser with its own cookies."""
    return lambda: Browser(apis)
