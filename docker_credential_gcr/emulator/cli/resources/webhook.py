"""gcr-emulator webhook: who is told by HTTP what happens to images, and what became of each delivery."""

import re

import click

from docker_credential_gcr.emulator.cli import options
from docker_credential_gcr.emulator.cli.group import Group
from docker_credential_gcr.emulator.cli.listing import Document, json_option, print_list
from docker_credential_gcr.emulator.cli.options import say, with_server
from docker_credential_gcr.emulator.client.rest import EmulatorError, Server

from .secret_file import load_secret, secret_file

EVENTS = ("insert", "delete")
_FORMATS = click.Choice(["docker", "cloudevents"])
_PATH = "/_emulator/webhooks"
_ID = re.compile(r"[0-9A-Za-z_-]{1,100}")


@click.group(cls=Group)
def webhook() -> None:
    """Tell a URL what happens to images, and see what became of each delivery."""


def _parse_events(text: str) -> list[str]:
    """Parses insert, delete, or both with a comma."""
    names = text.split(",")
    if not set(names) <= set(EVENTS):
        raise click.BadParameter(f"{text!r} names other events: insert, delete, or insert,delete")
    return [name for name in EVENTS if name in names]


def _parse_id(text: str) -> str:
    """Parses the ID of a webhook, or that of a delivery."""
    if not _ID.fullmatch(text):
        raise click.BadParameter(
            f"{text!r} is not an ID: `gcr-emulator webhook list` prints those that exist"
        )
    return text


_webhook_id = click.argument("webhook_id", metavar="ID", type=_parse_id)


@webhook.command()
# Some receivers have a key in the query; no message repeats the URL.
@click.argument("receiver", metavar="URL", type=click.UNPROCESSED)
@click.option(
    "--project",
    "project_id",
    type=options.parse_project_id,
    metavar="ID",
    help="Tell only what happens in this project.",
)
@click.option(
    "--events",
    type=_parse_events,
    metavar="EVENTS",
    default="insert,delete",
    show_default=True,
    help="What to tell of: insert, delete, or both with a comma.",
)
@secret_file
@click.option(
    "--format",
    "webhook_format",
    type=_FORMATS,
    default="docker",
    show_default=True,
    help="The form of the bodies.",
)
@with_server
def create(
    server: Server, receiver: str, project_id: str | None, events: list[str], **given: str | None
) -> None:
    """Create a webhook, and print its ID: the emulator sends to URL what happens to images.

    \b
    openssl rand -hex 32 > secret
    gcr-emulator webhook create http://localhost:8000/ --secret-file secret
    """
    document: dict[str, object] = {"url": receiver, "events": events, "format": given["webhook_format"]}
    if project_id is not None:
        document["project"] = project_id
    if given["secret_file"] is not None:
        document["secret"] = load_secret(given["secret_file"])
    webhook_id = server.call("POST", _PATH, document)["id"]
    click.echo(webhook_id)
    say(f"created a webhook; try it: gcr-emulator webhook test {webhook_id}")


@webhook.command("list")
@json_option
@with_server
def list_webhooks(server: Server, as_json: bool) -> None:
    """List the webhooks, also those that are disabled."""
    found = server.call("GET", _PATH)["webhooks"]
    header = ("ID", "PROJECT", "EVENTS", "FORMAT", "SIGNED", "URL", "STATE")
    empty = "there is no webhook: gcr-emulator webhook create URL"
    print_list("webhooks", found, header, _format_webhook, as_json=as_json, empty=empty)


def _format_webhook(found: Document) -> tuple[str, ...]:
    signed = "yes" if found["signed"] else "no"
    state = f"DISABLED: {found['disabled']}" if "disabled" in found else "ENABLED"
    events = ",".join(found["events"])
    return found["id"], found.get("project", "-"), events, found["format"], signed, found["url"], state


@webhook.command()
@click.argument("webhook_ids", metavar="ID...", nargs=-1, required=True, type=_parse_id)
@with_server
def delete(server: Server, webhook_ids: tuple[str, ...]) -> None:
    """Delete webhooks, with the deliveries that wait."""
    for webhook_id in webhook_ids:
        server.call("DELETE", f"{_PATH}/{webhook_id}")
        say(f"deleted webhook {webhook_id}")


@webhook.command()
@_webhook_id
@with_server
def test(server: Server, webhook_id: str) -> None:
    """Send an event that did not happen to the webhook ID, once, and print how the receiver answers."""
    status = server.call("POST", f"{_PATH}/{webhook_id}:test")["status"]
    say(f"the receiver of {webhook_id} answered {status}")


@webhook.command()
@_webhook_id
@click.option("--failed", is_flag=True, help="List only those that are not tried again.")
@json_option
@with_server
def deliveries(server: Server, webhook_id: str, failed: bool, as_json: bool) -> None:
    """List what the webhook ID was told, is being told, or could not be told: the newest first."""
    query = "?state=failed" if failed else ""
    found = server.call("GET", f"{_PATH}/{webhook_id}/deliveries{query}")["deliveries"]
    header = ("DELIVERY", "STATE", "ATTEMPTS", "DUE", "EVENT", "LAST ANSWER")
    empty = f"no delivery of {webhook_id} has failed" if failed else f"{webhook_id} was told nothing yet"
    print_list("deliveries", found, header, _format_delivery, as_json=as_json, empty=empty)


def _format_delivery(found: Document) -> tuple[str, ...]:
    event = found["event"]
    # A message has a tag, a digest, or both.
    image = event["message"].get("tag") or event["message"]["digest"]
    answer = found.get("error") or str(found.get("status", "-"))
    state, attempts = found["state"].upper(), str(found["attempts"])
    # Without the fraction: 2026-01-01T00:00:00.123000Z
    due = f"{found['due'].partition('.')[0]}Z" if "due" in found else "-"
    return found["id"], state, attempts, due, f"{event['action']} {image}", answer


@webhook.command()
@_webhook_id
@click.argument("delivery_ids", metavar="[DELIVERY]...", nargs=-1, type=_parse_id)
@click.option("--failed", is_flag=True, help="All deliveries that failed.")
@with_server
def redeliver(server: Server, webhook_id: str, delivery_ids: tuple[str, ...], failed: bool) -> None:
    """Deliver again to the webhook ID: each DELIVERY that has ended, or with --failed all that failed."""
    if failed == bool(delivery_ids):
        raise click.UsageError("name deliveries, which `gcr-emulator webhook deliveries` lists, or --failed")
    wanted: dict[str, object] = {"failed": True} if failed else {"deliveries": list(delivery_ids)}
    count = server.call("POST", f"{_PATH}/{webhook_id}:redeliver", wanted)["redelivered"]
    listing = f"gcr-emulator webhook deliveries {webhook_id}"
    if count < len(set(delivery_ids)):
        raise EmulatorError(f"{count} to deliver again; the others are waiting or unknown: {listing}")
    say(f"{count} to deliver again: {listing}")
