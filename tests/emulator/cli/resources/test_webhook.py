"""gcr-emulator webhook at a running emulator, with a receiver that records and may refuse."""

import json
import re
import time

import pytest
from support.servers.push_receiver import PushReceiver

APP = "my-project/app"
UNKNOWN = "there is no webhook 'absent': `gcr-emulator webhook list` lists them"


@pytest.fixture
def receiver():
    server = PushReceiver()
    yield server
    server.close()


@pytest.fixture
def webhook(gcr_emulator, run):
    """Runs a command at an emulator with one project."""
    gcr_emulator.project("my-project")
    return lambda *arguments: run("webhook", *arguments, "--server", gcr_emulator.url)


@pytest.fixture
def hook(webhook, receiver):
    """Creates a webhook, and returns its ID."""
    code, out, _ = webhook("create", receiver.url)
    assert code == 0
    return out.strip()


def read_rows(outcome):
    """Returns the cells below the header, which is checked to be one."""
    code, out, err = outcome
    assert (code, err) == (0, "")
    header, *rows = [re.split(r" {2,}", line) for line in out.splitlines()]
    return [dict(zip(header, row, strict=True)) for row in rows]


def wait_for(call, is_done):
    """Calls until the result is what is waited for; returns it. The suite's limit ends it."""
    while not is_done(found := call()):
        pass
    return found


def test_webhooks_are_created_listed_and_deleted(webhook, receiver, tmp_path):
    (tmp_path / "secret").write_text("abc\n")
    empty = (0, "", "there is no webhook: gcr-emulator webhook create URL\n")
    assert webhook("list") == empty

    first = webhook("create", f"{receiver.url}/a")[1].strip()
    options = ("--project", "my-project", "--events", "delete", "--format", "cloudevents")
    second = webhook("create", f"{receiver.url}/b?c=d", *options, "--secret-file", tmp_path / "secret")[
        1
    ].strip()

    assert read_rows(webhook("list")) == [
        {
            "ID": first,
            "PROJECT": "-",
            "EVENTS": "insert,delete",
            "FORMAT": "docker",
            "SIGNED": "no",
            "URL": f"{receiver.url}/a",
            "STATE": "ENABLED",
        },
        {
            "ID": second,
            "PROJECT": "my-project",
            "EVENTS": "delete",
            "FORMAT": "cloudevents",
            "SIGNED": "yes",
            "URL": f"{receiver.url}/b?c=d",
            "STATE": "ENABLED",
        },
    ]
    assert [found["id"] for found in json.loads(webhook("list", "--json")[1])["webhooks"]] == [first, second]
    assert webhook("delete", first, second) == (
        0,
        "",
        f"deleted webhook {first}\ndeleted webhook {second}\n",
    )
    assert webhook("list") == empty
    assert webhook("delete", first)[0] == 1


def test_a_test_says_how_the_receiver_answers(webhook, receiver, hook):
    receiver.statuses = [202, 500]

    assert webhook("test", hook) == (0, "", f"the receiver of {hook} answered 202\n")
    code, out, err = webhook("test", hook)

    assert (code, out, err.count("\n")) == (1, "", 1)
    assert "500" in err


def test_deliveries_are_listed_with_what_the_receiver_answered(webhook, receiver, hook, editor, gcr_emulator):
    assert webhook("deliveries", hook) == (0, "", f"{hook} was told nothing yet\n")
    assert webhook("deliveries", hook, "--failed") == (0, "", f"no delivery of {hook} has failed\n")
    receiver.statuses = [503]
    editor.push_image(APP, "v1", b"layer")
    receiver.wait()

    (row,) = wait_for(
        lambda: read_rows(webhook("deliveries", hook)), lambda rows: rows and rows[0]["LAST ANSWER"] != "-"
    )

    delivery = row.pop("DELIVERY")
    assert re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z", row.pop("DUE"))
    assert "503" in row.pop("LAST ANSWER")
    assert row == {"STATE": "WAITING", "ATTEMPTS": "1", "EVENT": f"INSERT gcr.io/{APP}:v1"}
    gcr_emulator.clock.set(time.time() + 3600)
    receiver.wait()
    row = wait_for(lambda: read_rows(webhook("deliveries", hook))[0], lambda row: row["STATE"] == "DELIVERED")
    assert row == {
        "DELIVERY": delivery,
        "STATE": "DELIVERED",
        "ATTEMPTS": "2",
        "DUE": "-",
        "EVENT": f"INSERT gcr.io/{APP}:v1",
        "LAST ANSWER": "200",
    }
    (shown,) = json.loads(webhook("deliveries", hook, "--json")[1])["deliveries"]
    assert shown["event"] == gcr_emulator.events()[0]


def test_a_delivery_is_sent_again_with_the_same_id(webhook, receiver, hook, editor):
    editor.push_image(APP, "v1", b"layer")
    first = receiver.wait()
    (row,) = wait_for(
        lambda: read_rows(webhook("deliveries", hook)),
        lambda rows: rows and rows[0]["STATE"] == "DELIVERED",
    )

    listing = f"gcr-emulator webhook deliveries {hook}\n"
    unknown = f"gcr-emulator: 0 to deliver again; the others are waiting or unknown: {listing}"
    assert webhook("redeliver", hook, "absent") == (1, "", unknown)
    assert webhook("redeliver", hook, "--failed") == (0, "", f"0 to deliver again: {listing}")
    said = f"1 to deliver again: {listing}"
    assert webhook("redeliver", hook, row["DELIVERY"]) == (0, "", said)

    second = receiver.wait()
    assert second.body == first.body
    assert (
        second.headers["x-gcr-emulator-delivery"]
        == first.headers["x-gcr-emulator-delivery"]
        == row["DELIVERY"]
    )


def test_n9_a_webhook_that_410_disabled_is_listed_and_enabled_by_a_test(webhook, receiver, hook, editor):
    receiver.statuses = [410]
    editor.push_image(APP, "v1", b"layer")

    row = wait_for(lambda: read_rows(webhook("list"))[0], lambda row: row["STATE"] != "ENABLED")

    assert row["STATE"] == "DISABLED: the receiver answered 410 Gone"
    assert [row["STATE"] for row in read_rows(webhook("deliveries", hook, "--failed"))] == ["FAILED"]
    code, out, err = webhook("redeliver", hook, "--failed")
    assert (code, out) == (1, "")
    assert f"`gcr-emulator webhook test {hook}` enables it" in err
    assert webhook("test", hook) == (0, "", f"the receiver of {hook} answered 200\n")
    assert [row["STATE"] for row in read_rows(webhook("list"))] == ["ENABLED"]
    listing = f"gcr-emulator webhook deliveries {hook}"
    assert webhook("redeliver", hook, "--failed") == (0, "", f"1 to deliver again: {listing}\n")


@pytest.mark.parametrize(
    "words", [("delete",), ("test",), ("deliveries",), ("redeliver", "--failed")], ids=lambda words: words[0]
)
def test_a_webhook_that_does_not_exist_is_named_with_the_next_step(webhook, words):
    assert webhook(*words, "absent") == (1, "", f"gcr-emulator: {UNKNOWN}\n")


def test_a_receiver_that_the_server_must_not_reach_is_refused(webhook):
    code, out, err = webhook("create", "http://169.254.169.254/?key=hidden")

    assert (code, out) == (1, "")
    assert err.startswith("gcr-emulator: ")
    assert "hidden" not in err
