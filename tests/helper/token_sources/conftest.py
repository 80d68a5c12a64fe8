"""Shared fixtures of the token sources' tests: Google's services on loopback, and a fake gcloud."""

import json
import shlex
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest
from support.servers.loopback import LoopbackHandler, LoopbackServer, serving


@dataclass
class Reply:
    """Reply to a path."""

    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Request:
    """Request that a service received."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def form(self) -> dict[str, str]:
        return {name: values[0] for name, values in parse_qs(self.body.decode()).items()}


class Services(LoopbackServer):
    """Server on loopback with a reply for each path; 404 for any other path."""

    def __init__(self) -> None:
        super().__init__(Handler)
        self.replies: dict[str, list[Reply]] = {}
        self.requests: list[Request] = []

    def tell(self, path: str, document: object = None, **fields: Any) -> None:
        """Adds a reply for a path; the last reply is repeated."""
        body = fields.pop("body", json.dumps(document).encode())
        self.replies.setdefault(path, []).append(Reply(body=body, **fields))

    def take_reply(self, request: Request) -> Reply:
        self.requests.append(request)
        replies = self.replies.get(request.path.partition("?")[0], [Reply(404)])
        return replies.pop(0) if len(replies) > 1 else replies[0]


class Handler(LoopbackHandler):
    server: Services

    def do_GET(self) -> None:
        request = Request(self.command, self.path, {**self.headers}, self.read_body())
        reply = self.server.take_reply(request)
        self.end(reply.status, reply.body, **reply.headers)

    do_POST = do_GET


@pytest.fixture
def services() -> Iterator[Services]:
    with serving(Services()) as server:
        yield server


class StandIn:
    """Program that answers as gcloud does, and records its arguments and a part of its environment."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory / "gcloud-bin"
        self.directory.mkdir()
        self.calls_file = directory / "gcloud-calls"
        self.path = f"{self.directory}:/usr/bin:/bin"
        self.answer("")

    def answer(self, *scripts: str) -> None:
        """Sets a shell script for each call; the last script is repeated."""
        lines = [f'printf "%s\\n" "$*" >> {shlex.quote(str(self.calls_file))}']
        lines += [f"count=$(wc -l < {shlex.quote(str(self.calls_file))})", "case $count in"]
        for number, script in enumerate(scripts[:-1], 1):
            lines.append(f"{number}) {script};;")
        lines += [f"*) {scripts[-1] or ':'};;", "esac"]
        program = self.directory / "gcloud"
        program.write_text("#!/bin/sh\n" + "\n".join(lines) + "\n")
        program.chmod(0o755)

    @property
    def calls(self) -> list[str]:
        return self.calls_file.read_text().splitlines() if self.calls_file.exists() else []


@pytest.fixture
def gcloud(tmp_path: Path) -> StandIn:
    return StandIn(tmp_path)
