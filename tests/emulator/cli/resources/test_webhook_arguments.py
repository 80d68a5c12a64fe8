"""gcr-emulator webhook: what it asks the server for, the secret that it reads, and what it refuses before."""

import io
import json
import sys

import pytest
from support.servers.loopback import LoopbackHandler, LoopbackServer, serving

from docker_credential_gcr.emulator.cli.resources import webhook as command
from docker_credential_gcr.emulator.database.events.webhooks import ACTIONS, FORMATS

NOWHERE = "http://localhost:1"
URL = "http://localhost:8000/?key=1"
BOTH = ["insert", "delete"]


class Recorder(LoopbackServer):
    """Creates a webhook for every request, and records the documents."""

    def __init__(self):
        super().__init__(Handler)
        self.documents = []


class Handler(LoopbackHandler):
    def do_POST(self):
        self.server.documents.append(json.loads(self.read_body()))
        self.end(201, b'{"id": "hook-1"}')


@pytest.fixture
def create(run):
    """Returns a function that creates a webhook, and returns the outcome and the document that was sent."""
    with serving(Recorder()) as server:

        def call(*options, url=URL):
            outcome = run("webhook", "create", url, "--server", server.url, *options)
            return outcome, server.documents.pop() if server.documents else None

        yield call


@pytest.fixture
def stdin(monkeypatch):
    """Returns a function that puts bytes at stdin, or closes it."""

    def put(data, *, is_terminal=False):
        stream = io.TextIOWrapper(io.BytesIO(data))
        stream.isatty = lambda: is_terminal
        monkeypatch.setattr(sys, "stdin", stream)

    return put


@pytest.mark.parametrize(
    ("options", "document"),
    [
        ((), {"url": URL, "events": BOTH, "format": "docker"}),
        (("--events", "delete,insert"), {"url": URL, "events": BOTH, "format": "docker"}),
        (
            ("--project", "my-project", "--events", "delete", "--format", "cloudevents"),
            {"url": URL, "events": ["delete"], "format": "cloudevents", "project": "my-project"},
        ),
    ],
    ids=["defaults", "both", "all"],
)
def test_a_webhook_is_created_and_its_id_alone_is_on_stdout(create, options, document):
    said = "created a webhook; try it: gcr-emulator webhook test hook-1\n"
    assert create(*options) == ((0, "hook-1\n", said), document)


@pytest.mark.parametrize(
    ("data", "secret"),
    [
        (b"secret", "secret"),
        (b"secret\n", "secret"),
        (b"secret\r\n", "secret"),
        (b" two words \n", " two words "),
        ("nëw\n".encode(), "nëw"),
        (b"a" * 1024 + b"\r\n", "a" * 1024),
    ],
    ids=["no end", "LF", "CR LF", "spaces", "UTF-8", "1024 bytes"],
)
def test_a_secret_is_the_line_of_a_file_or_of_stdin(create, stdin, tmp_path, data, secret):
    file = tmp_path / "secret"
    file.write_bytes(data)
    stdin(data)

    for name in (file, "-"):
        (code, out, err), document = create("--secret-file", name)
        assert (code, out, document["secret"]) == (0, "hook-1\n", secret)
        assert secret not in err


EMPTY = "is empty: a secret is one line, such as openssl rand -hex 32 prints"
LINE = "is no secret: it needs one line of at most 1024 bytes"
FAULTS = {
    "nothing": (b"", EMPTY),
    "an end": (b"\r\n", EMPTY),
    "two lines": (b"a\nb\n", LINE),
    "two ends": (b"a\n\n", LINE),
    "1025 bytes": (b"a" * 1025, LINE),
    "endless": (b"a" * 100_000, LINE),
    "Latin-1": (b"caf\xe9\n", "is no secret: it is not text in UTF-8"),
    "tab": (b"a\tb\n", "is no secret: it has a tab or another character that is not printed"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_file_or_stdin_without_a_secret_is_named(create, stdin, tmp_path, fault):
    data, message = FAULTS[fault]
    file = tmp_path / "secret"
    file.write_bytes(data)
    stdin(data)

    assert create("--secret-file", file) == ((1, "", f"gcr-emulator: {file} {message}\n"), None)
    assert create("--secret-file", "-") == ((1, "", f"gcr-emulator: stdin {message}\n"), None)


def test_a_secret_is_not_read_from_a_terminal_or_from_a_closed_stdin(create, stdin, monkeypatch):
    stdin(b"secret\n", is_terminal=True)
    seen = "a secret that is typed would be seen: name a file with --secret-file, or pipe it"
    assert create("--secret-file", "-") == ((1, "", f"gcr-emulator: {seen}\n"), None)
    monkeypatch.setattr(sys, "stdin", None)
    assert create("--secret-file", "-") == ((1, "", f"gcr-emulator: stdin {EMPTY}\n"), None)


def test_a_secret_file_that_is_not_there_is_named(create, tmp_path):
    message = f"gcr-emulator: {tmp_path}/none: No such file or directory\n"
    assert create("--secret-file", tmp_path / "none") == ((1, "", message), None)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("create", URL, "--events", ""), "'' names other events: insert, delete, or insert,delete"),
        (
            ("create", URL, "--events", "insert,pull"),
            "'insert,pull' names other events: insert, delete, or insert,delete",
        ),
        (("create", URL, "--format", "xml"), "'xml' is not one of 'docker', 'cloudevents'."),
        (("create", URL, "--project", "X"), "'X' is not a project ID: "),
        (("test", "../gc"), "'../gc' is not an ID: `gcr-emulator webhook list` prints those that exist"),
        (("delete", "a", ""), "'' is not an ID: `gcr-emulator webhook list` prints those that exist"),
        (("redeliver", "a"), "name deliveries, which `gcr-emulator webhook deliveries` lists, or --failed"),
        (
            ("redeliver", "a", "b", "--failed"),
            "name deliveries, which `gcr-emulator webhook deliveries` lists, or --failed",
        ),
    ],
    ids=["no event", "pull", "format", "project", "path", "empty", "neither", "both"],
)
def test_what_is_malformed_is_refused_before_the_server_is_asked(run, words, message):
    code, out, err = run("webhook", *words, "--server", NOWHERE)
    assert (code, out) == (2, "")
    assert message in err


def test_the_choices_are_those_of_the_server():
    (option,) = [option for option in command.create.params if option.name == "webhook_format"]

    assert tuple(option.type.choices) == FORMATS
    assert tuple(ACTIONS) == command.EVENTS
