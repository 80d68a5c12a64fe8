"""Fixtures of copies: the repository of the copies, and requests for them."""

from collections.abc import Callable
from typing import Any

import pytest
from emulator.registry.copying.samples import COPY, REPOSITORIES


@pytest.fixture
def images(call_api):
    """Creates the repository of the copies; returns `call_api`."""
    call_api("POST", f"{REPOSITORIES}?repositoryId=images", {"format": "DOCKER"})
    return call_api


@pytest.fixture
def copy(editor) -> Callable[..., Any]:
    """Asks for the copies of a folder, as gcloud does; returns the response, or of a 200 its document."""

    def ask(repository=COPY, origin="gcr.io/my-project", *, client=editor, status=200, **parameters):
        # gcloud asks for a token to pull.
        token = client.token(f"repository:{repository}:pull")
        asked = {"CopyFromGCR": origin, **parameters}
        answer = client.call("GET", f"/v2/{repository}/tags/list", token=token, params=asked)
        assert answer.status_code == status, answer.text
        return answer.json()

    return ask
