"""gcr-emulator events: what it prints, as text, as JSON, of one project, and while changes come."""

import json

import pytest

from docker_credential_gcr.emulator.cli.resources import events as command

APP = "my-project/app"


@pytest.fixture
def call(gcr_emulator, run):
    return lambda *arguments: run("events", "--server", gcr_emulator.url, *arguments)


def test_events_are_printed_one_a_line(gcr_emulator, editor, call):
    assert call() == (0, "", "")
    gcr_emulator.clock.set(1_767_225_600)
    digest = editor.push_image(APP, "v1", b"layer")
    token = editor.token(f"repository:{APP}:push,pull,delete")
    for reference in ("v1", digest):
        assert editor.call("DELETE", f"/v2/{APP}/manifests/{reference}", token=token).status_code == 202
    at = "2026-01-01T00:00:00Z"
    code, out, err = call()
    assert (code, out.splitlines(), err) == (
        0,
        [
            f"{at} INSERT gcr.io/{APP}:v1 {digest}",
            f"{at} DELETE gcr.io/{APP}:v1",
            f"{at} DELETE gcr.io/{APP} {digest}",
        ],
        "",
    )


def test_json_is_that_of_the_api(gcr_emulator, editor, call):
    editor.push_image(APP, "v1", b"layer")
    _, out, _ = call("--json", "--project", "my-project")
    assert [json.loads(line) for line in out.splitlines()] == gcr_emulator.events()
    assert call("--project", "other-project") == (0, "", "")


def test_follow_prints_what_comes_until_it_is_interrupted(editor, call, monkeypatch):
    pushed = []

    def wait(_seconds):
        if pushed:
            raise KeyboardInterrupt
        pushed.append(editor.push_image(APP, "v2", b"layer"))

    monkeypatch.setattr(command.time, "sleep", wait)
    code, out, _ = call("--follow")
    assert code == 130
    assert out.split()[1:] == ["INSERT", f"gcr.io/{APP}:v2", pushed[0]]
