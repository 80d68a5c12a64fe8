"""Tokens for several scopes, of one registry or two, and the scopes that are left out."""

import pytest
import requests

APP = "my-project/app"
AR_APP = "us-docker.pkg.dev/my-project/images/app"
PULL, PUSH = f"repository:{APP}:pull", f"repository:{APP}:pull,push"
AR_PUSH = f"repository:{AR_APP}:pull,push"
ELSEWHERE = f"repository:{AR_APP}:pull"


@pytest.fixture
def ask(gcr_emulator, editor):
    """Requests a token at a host; returns whether it allows pull, push, and push to pkg.dev."""
    url = f"{gcr_emulator.url}/v1/projects/my-project/locations/us/repositories?repositoryId=images"
    requests.post(url, json={"format": "DOCKER"}, timeout=30).raise_for_status()
    editor.push_image(APP, "v1", b"layer")
    asked = {
        "pull": ("GET", f"/v2/{APP}/manifests/v1"),
        "push": ("POST", f"/v2/{APP}/blobs/uploads/"),
        "pkg.dev": ("POST", f"/v2/{AR_APP}/blobs/uploads/"),
    }

    def make(*scopes, client=editor, host=None):
        answer = client.ask_token(*scopes, host=host)
        if answer.status_code != 200:
            return answer.status_code, answer.json()["errors"][0]["code"]
        headers = {} if host is None else {"Host": host}
        token = answer.json()["token"]
        answers = {
            what: client.call(*request, token=token, headers=headers) for what, request in asked.items()
        }
        return {what for what, answer in answers.items() if answer.status_code in (200, 202)}

    return make


@pytest.mark.parametrize(
    "host", [None, "registry.example:5000", "localhost:8080"], ids=lambda host: f"G-Z41-{host or 'address'}"
)
def test_g_z41_a_token_is_for_several_registries_where_one_host_serves_them(ask, host):
    assert ask(PULL, AR_PUSH, host=host) == {"pull", "pkg.dev"}
    assert ask(AR_PUSH, PUSH, host=host) == {"pull", "push", "pkg.dev"}


def test_g_z41_a_token_for_one_registry_opens_no_other(ask):
    assert (ask(PUSH), ask(AR_PUSH)) == ({"pull", "push"}, {"pkg.dev"})


def test_g_z41_a_mount_from_another_registry_becomes_an_upload(ask, editor):
    assert ask(PULL, AR_PUSH) == {"pull", "pkg.dev"}
    digest = editor.push_blob(APP, b"layer")["digest"]
    token = editor.token(PULL, AR_PUSH)

    path = f"/v2/{AR_APP}/blobs/uploads/?mount={digest}&from={APP}"
    started = editor.call("POST", path, token=token)
    ended = editor.call("PUT", f"{started.headers['Location']}?digest={digest}", token=token, data=b"layer")

    assert (started.status_code, ended.status_code) == (202, 201)


def test_g_z41_a_registrys_own_host_grants_its_own_part(ask):
    assert ask(PUSH, AR_PUSH, host="gcr.io") == {"pull", "push"}
    assert ask(ELSEWHERE, PULL, host="gcr.io") == {"pull"}


# Scopes that are not granted, next to a pull that is.
LEFT_OUT = {
    "no such project": "repository:no-project/app:pull",
    "no such repository": "repository:us-docker.pkg.dev/no-project/images/app:pull",
    "no permission to delete": "repository:other-project/app:delete",
    "no image": "repository:app:delete",
    "no name": "repository:My-Project/App:pull",
    "no action": f"repository:{APP}:admin",
}


@pytest.mark.parametrize("scope", LEFT_OUT.values(), ids=[f"G-Z41-{case}" for case in LEFT_OUT])
def test_g_z41_a_scope_that_cannot_be_granted_is_left_out(ask, viewer, scope):
    assert ask(scope, PULL, client=viewer) == {"pull"}
    assert ask(PULL, scope, client=viewer) == {"pull"}


def test_g_z41_an_exchange_fails_where_nothing_is_granted_and_for_a_push(ask, viewer, stranger, anonymous):
    denied = (403, "DENIED")
    assert ask(PULL, ELSEWHERE, client=stranger) == denied
    assert ask(PULL, LEFT_OUT["no name"], client=anonymous) == denied
    assert ask(PULL, PUSH, client=viewer) == denied
    assert ask(PULL, AR_PUSH, client=viewer) == denied
    assert ask(PULL, "repository:My-Project/App:push", client=viewer) == denied
