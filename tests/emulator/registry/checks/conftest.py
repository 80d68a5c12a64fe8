"""Fixtures of Artifact Registry's checks: its host, with a repository of my-project."""

import pytest
from support.registry_client import RegistryClient

REPOSITORIES = "/v1/projects/my-project/locations/us/repositories"


@pytest.fixture
def make_repository(call_api):
    """Returns a function that creates a repository, by default public or with immutable tags."""

    def make(repository_id="r", *, is_public=False, **settings):
        path = f"{REPOSITORIES}?repositoryId={repository_id}"
        call_api("POST", path, {"format": "DOCKER", **settings})
        if is_public:
            binding = {"role": "roles/artifactregistry.reader", "members": ["allUsers"]}
            path = f"{REPOSITORIES}/{repository_id}:setIamPolicy"
            call_api("POST", path, {"policy": {"bindings": [binding]}})

    return make


@pytest.fixture
def artifacts(gcr_emulator, make_repository, account):
    """Returns the editor's client of us-docker.pkg.dev, where my-project has the repository r."""
    make_repository()
    return RegistryClient(gcr_emulator.url, account.basic, host="us-docker.pkg.dev")


@pytest.fixture
def guest(artifacts):
    """Returns a client of us-docker.pkg.dev without a credential."""
    return RegistryClient(artifacts.url, host=artifacts.host)
