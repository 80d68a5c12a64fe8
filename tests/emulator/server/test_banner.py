"""Start banner at a terminal, and the landing page in a browser."""

import json
import os
import pty
import re
import signal
import subprocess
import sys

import pytest
import requests
from support.checkout import DOCS

from docker_credential_gcr import __version__
from docker_credential_gcr.emulator.server.banner import format_banner
from docker_credential_gcr.emulator.server.in_thread import InThread
from docker_credential_gcr.emulator.server.ready_document import ReadyDocument
from docker_credential_gcr.emulator.settings import Settings

READY = ReadyDocument(
    "http://localhost:5000", "localhost:5000", 1, "/srv/data", None, "/srv/data/keys/operator-token"
)
ELSEWHERE = ReadyDocument(
    "https://localhost:5443",
    "localhost:5443",
    1,
    "/srv/my data",
    "/srv/my data/keys/ca.pem",
    "/srv/my data/keys/operator-token",
    {"eu.gcr.io": "localhost:5001"},
)

KEPT = f"""\
gcr-emulator {__version__} at http://localhost:5000

  projects  my-project
  data      /srv/data
  stop      Ctrl-C

Next, in another terminal:

  gcr-emulator key create --project my-project --account ci \\
      --role roles/editor --output key.json
  docker-credential-gcr configure-docker --registries localhost:5000 \\
      --token-source file:key.json

Requests:
"""
TEMPORARY_AND_OPEN = f"""\
gcr-emulator {__version__} at http://localhost:5000

  projects  none
  data      temporary, deleted when the server stops: --data DIRECTORY keeps it
  stop      Ctrl-C

Next, in another terminal:

  gcr-emulator project create my-project
  docker tag IMAGE localhost:5000/my-project/app:1
  docker push localhost:5000/my-project/app:1

Requests:
"""
TLS_AND_STRICT = f"""\
gcr-emulator {__version__} at https://localhost:5443

  projects   a-project, b-project, c-project, d-project, e-project and 1 more
  data       /srv/my data
  eu.gcr.io  https://localhost:5001
  stop       Ctrl-C

Next, in another terminal:

  eval "$(gcr-emulator env --server https://localhost:5443 --ca '/srv/my data/keys/ca.pem')"
  gcr-emulator trust | sudo sh
  gcr-emulator key create --token-file '/srv/my data/keys/operator-token' \\
      --project a-project --account ci --role roles/editor \\
      --output key.json
  docker-credential-gcr configure-docker --registries localhost:5443 \\
      --token-source file:key.json

Requests:
"""


BALANCED = f"""\
gcr-emulator {__version__} at http://localhost:5000

  clients   https://registry.example.com
  projects  my-project
  data      in the database, s3://images
  stop      Ctrl-C

Next, in another terminal:

  gcr-emulator key create --server https://registry.example.com \\
      --token-file /srv/data/keys/operator-token --project my-project \\
      --account ci --role roles/editor --output key.json
  docker-credential-gcr configure-docker --registries registry.example.com \\
      --token-source file:key.json

Requests:
"""


@pytest.mark.parametrize(
    ("ready", "settings", "projects", "text"),
    [
        (READY, Settings(data="/srv/data"), ["my-project"], KEPT),
        (READY, Settings(open=True), [], TEMPORARY_AND_OPEN),
        (
            ELSEWHERE,
            Settings(data="/srv/my data", tls=True, strict_admin=True),
            [f"{letter}-project" for letter in "abcdef"],
            TLS_AND_STRICT,
        ),
        (
            READY,
            Settings(
                database="postgresql://h/n",
                storage="s3://images",
                external_url="https://registry.example.com",
            ),
            ["my-project"],
            BALANCED,
        ),
    ],
    ids=["kept", "temporary-and-open", "tls-and-strict", "balanced"],
)
def test_d12_the_banner(ready, settings, projects, text):
    assert format_banner(ready, settings, projects) == text


def test_d12_the_page_shows_the_next_steps():
    page = (DOCS / "serve.md").read_text("utf-8")
    data = "/srv/registry-data"
    ready = ReadyDocument(READY.url, READY.registry, 4711, data, None, f"{data}/keys/operator-token")

    assert f"\n{format_banner(ready, Settings(data=data), ['my-project'])}\n" in page


SERVE = [sys.executable, "-m", "docker_credential_gcr.emulator.cli.main", "serve", "--port", "0"]


@pytest.fixture
def at_terminal():
    """Starts serve with a terminal at stderr; returns its ready document and a function that stops it.

    The function returns the rest of stdout, and the terminal's output.
    """
    ours, theirs = pty.openpty()
    processes = []

    def start(*options, **environ):
        process = subprocess.Popen(
            [*SERVE, *options],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=theirs,
            env=os.environ | environ,
        )
        processes.append(process)
        os.close(theirs)
        ready = json.loads(process.stdout.readline())

        def stop():
            process.send_signal(signal.SIGINT)
            rest, _ = process.communicate(timeout=30)
            shown = b""
            try:
                while block := os.read(ours, 65536):
                    shown += block
            except OSError:  # EIO: on Linux, the other side is closed
                pass
            return rest.decode(), shown.decode().replace("\r\n", "\n")

        return ready, stop

    yield start
    os.close(ours)
    for process in processes:
        process.kill()
        process.communicate()


def test_d12_a_terminal_gets_a_banner_and_a_line_a_request(at_terminal, tmp_path):
    ready, stop = at_terminal("--data", str(tmp_path / "data"), "--project", "my-project")
    requests.get(f"{ready['url']}/v2/token?scope=repository:hello:push&password=secret", timeout=30)

    rest, shown = stop()

    banner = format_banner(ReadyDocument(**ready), Settings(data=tmp_path), ["my-project"])
    example = f"{ready['registry']}/my-project/hello:1"
    time, took, line = re.fullmatch(
        re.escape(banner) + r"\n(..:..:..)  GET    403 +(\d+) ms  (.*)", shown, re.DOTALL
    ).groups()
    assert (rest, len(time), took.isdigit()) == ("", 8, True)
    assert line == (
        "/v2/token?scope=repository:hello:push  -\n"
        f"          invalid repository name 'hello': expected PROJECT/IMAGE, such as {example}\n"
    )


@pytest.mark.parametrize(
    ("options", "environ"),
    [
        (("--log-format", "json"), {}),
        (("--access-log",), {}),
        ((), {"GCR_EMULATOR_LOG_FORMAT": "json"}),
        ((), {"GCR_EMULATOR_ACCESS_LOG": "1"}),
    ],
    ids=["option", "access-log", "variable", "access-log-variable"],
)
def test_d12_json_is_written_where_it_is_asked_for(at_terminal, options, environ):
    ready, stop = at_terminal(*options, **environ)
    requests.get(f"{ready['url']}/v2/token?scope=repository:hello:push", timeout=30)

    _, shown = stop()

    _, _, lines = shown.partition("Requests:\n\n")
    (line,) = map(json.loads, lines.splitlines())
    example = f"{ready['registry']}/my-project/hello:1"
    reason = f"invalid repository name 'hello': expected PROJECT/IMAGE, such as {example}"
    assert (line["status"], line["reason"]) == (403, reason)


@pytest.mark.parametrize(
    ("options", "lines"), [((), 0), (("--log-format", "text"), 1)], ids=["silent", "asked"]
)
def test_d12_without_a_terminal_stderr_is_silent_unless_asked(options, lines):
    with subprocess.Popen([*SERVE, *options], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        ready = json.loads(process.stdout.readline())
        requests.get(f"{ready['url']}/v2/", timeout=30)
        process.terminate()
        rest, said = process.communicate(timeout=30)

    assert (process.returncode, rest, len(said.splitlines())) == (0, b"", lines)


def test_d12_two_forms_of_the_log_are_refused(run):
    assert run("serve", "--access-log", "--log-format", "text") == (
        2,
        "",
        "Usage: gcr-emulator serve [OPTIONS]\nTry 'gcr-emulator serve --help' for help.\n\n"
        "Error: --access-log is --log-format json: give one of them\n",
    )


BROWSER = {"Accept": "text/html,application/xhtml+xml;q=0.9,*/*;q=0.8"}
NOT_FOUND = {
    "error": {
        "code": 404,
        "message": "The requested URL / was not found on this server.",
        "status": "NOT_FOUND",
    }
}


@pytest.mark.parametrize(
    ("is_open", "commands"),
    [
        (
            False,
            [
                "gcr-emulator project create",
                "gcr-emulator key create",
                "docker-credential-gcr configure-docker",
            ],
        ),
        (True, ["gcr-emulator project create", "docker tag", "docker push"]),
    ],
    ids=["closed", "open"],
)
@pytest.mark.parametrize("host", [None, "registry.example:5000"], ids=["loopback", "unknown"])
def test_d12_a_browser_gets_a_page_at_the_root(is_open, commands, host):
    with InThread(Settings(port=0, projects=("my-private-project",), open=is_open)) as ready:
        headers = {**BROWSER, **({"Host": host} if host else {})}
        answer = requests.get(f"{ready.url}/", headers=headers, timeout=30)
        asked = requests.head(f"{ready.url}/", headers=headers, timeout=30)

    shown = host or ready.registry
    kept = ("Content-Type", "Content-Security-Policy", "X-Content-Type-Options", "Vary", "Content-Length")
    assert [answer.headers[name] for name in kept] == [asked.headers[name] for name in kept]
    assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
    assert answer.headers["Content-Security-Policy"].startswith("default-src 'none'")
    assert (answer.status_code, asked.status_code, asked.text) == (200, 200, "")
    assert f"<h1>gcr-emulator {__version__}</h1>" in answer.text
    assert f"{shown}/PROJECT/IMAGE" in answer.text
    preformatted = answer.text.partition("<pre>")[2].partition("</pre>")[0]
    assert [line for line in commands if f"\n{line} " in f"\n{preformatted}"] == commands
    links = set(re.findall(r"https?://[^ <\\\n]*", answer.text))
    assert links - {f"http://{shown}"} == set()
    assert "my-private-project" not in answer.text


@pytest.mark.parametrize(
    ("host", "accept", "body"),
    [
        (None, "*/*", NOT_FOUND),
        (None, "application/json", NOT_FOUND),
        ("oauth2.googleapis.com", "text/html", NOT_FOUND),
        (
            "gcr.io",
            "text/html",
            {"error": {"code": 404, "message": "gcr.io is a registry: its API begins at /v2/"}},
        ),
    ],
    ids=["curl", "json", "google-api", "registry"],
)
def test_d12_the_root_is_as_before_for_others(gcr_emulator, host, accept, body):
    headers = {"Accept": accept, **({"Host": host} if host else {})}
    answer = requests.get(f"{gcr_emulator.url}/", headers=headers, timeout=30)

    assert (answer.status_code, answer.json()) == (404, body)
