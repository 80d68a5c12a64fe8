"""gcr-emulator events: prints what happened to images, and what happens while it runs."""

import json
import time
from typing import Any
from urllib.parse import urlencode

import click

from docker_credential_gcr.emulator.cli import options
from docker_credential_gcr.emulator.cli.options import with_server
from docker_credential_gcr.emulator.client.rest import Server

_PAGE = 1000
# Between two questions.
_INTERVAL_S = 0.5
_COLOURS = {"INSERT": "green", "DELETE": "red"}


@click.command()
@click.option("--follow", is_flag=True, help="Go on with those that come, until ^C.")
@click.option("--json", "as_json", is_flag=True, help="Print each event as a line of JSON.")
@click.option("--project", type=options.parse_project_id, metavar="ID", help="Only events of this project.")
@with_server
def events(server: Server, follow: bool, as_json: bool, project: str | None) -> None:
    """Print what happened to images: tags and digests that came and went.

    \b
    gcr-emulator events --follow --project my-project
    """
    last = 0
    while True:
        page = _fetch(server, last, project)
        for event in page["events"]:
            click.echo(json.dumps(event) if as_json else _format(event))
        last = page["last"]
        if len(page["events"]) == _PAGE:
            continue
        if not follow:
            return
        time.sleep(_INTERVAL_S)


def _fetch(server: Server, after: int, project: str | None) -> dict[str, Any]:
    query = {"after": str(after), "limit": str(_PAGE), **({"project": project} if project else {})}
    return server.call("GET", f"/_emulator/events?{urlencode(query)}")


def _format(event: dict[str, Any]) -> str:
    """Returns 2026-01-01T00:00:00Z INSERT gcr.io/my-project/app:v1 sha256:…"""
    at = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(event["time"]))
    action = click.style(event["action"], fg=_COLOURS.get(event["action"]))
    tag = f":{event['tag']}" if "tag" in event else ""
    digest = f" {event['digest']}" if "digest" in event else ""
    return f"{at} {action} {event['repository']}{tag}{digest}"
