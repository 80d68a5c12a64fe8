"""docs/google-apis.md tells the truth: its tables of methods and errors are those of the code."""

import re

from support.checkout import DOCS
from support.pages import read_table

from docker_credential_gcr.emulator.google.rest.errors import TABLE
from docker_credential_gcr.emulator.google.routes import ROUTES

PAGE = (DOCS / "google-apis.md").read_text("utf-8")


def test_every_route_is_listed() -> None:
    listed = [(method, path) for method, path, _ in read_table(PAGE, "method")]

    assert listed == [(method, path) for method, path, _ in ROUTES]


def test_every_error_is_listed() -> None:
    rows = read_table(PAGE, "status")
    listed = {(int(code), word) for code, words, _ in rows for word in re.findall(r"\w+", words)}

    assert listed == {(code, word) for code, word, _ in TABLE.values()} | {(500, "INTERNAL")}
