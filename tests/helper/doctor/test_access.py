"""Image names that cannot be a repository are found without a registry, with the right form (D10)."""

import pytest

from docker_credential_gcr.helper.doctor.access import RegistryAccess

NAMES: dict[str, tuple[RegistryAccess, str | None]] = {
    "d10-fine": (RegistryAccess("gcr.io", "my-project/app"), None),
    "d10-with folders": (RegistryAccess("gcr.io", "my-project/team/app_1.x--y"), None),
    "d10-a domain's project": (RegistryAccess("gcr.io", "example.com/my-project/app"), None),
    "d10-Artifact Registry": (RegistryAccess("us-docker.pkg.dev", "p/r/app"), None),
    "d10-a host alone": (RegistryAccess("gcr.io"), None),
    "d10-one component": (
        RegistryAccess("localhost:5000", "hello"),
        "'hello' cannot be a repository: it is not PROJECT/IMAGE: write localhost:5000/PROJECT/hello",
    ),
    "d10-a domain alone": (
        RegistryAccess("gcr.io", "example.com"),
        "'example.com' cannot be a repository: it is not PROJECT/IMAGE: "
        "write gcr.io/example.com/PROJECT/IMAGE",
    ),
    "d10-upper case": (
        RegistryAccess("localhost:5000", "my-project/HELLO"),
        "'my-project/HELLO' cannot be a repository: upper case is not allowed: "
        "write localhost:5000/my-project/hello",
    ),
    "d10-no repository of Artifact Registry": (
        RegistryAccess("us-docker.pkg.dev", "p/app"),
        "'p/app' cannot be a repository: it is not PROJECT/REPOSITORY/IMAGE: "
        "write us-docker.pkg.dev/p/REPOSITORY/app",
    ),
    "d10-an emulator's path": (
        RegistryAccess("localhost:5000", "us-docker.pkg.dev/p/App"),
        "'us-docker.pkg.dev/p/App' cannot be a repository: upper case is not allowed: "
        "write localhost:5000/us-docker.pkg.dev/p/app",
    ),
    "d10-two separators": (
        RegistryAccess("gcr.io", "p/a..b"),
        "'p/a..b' cannot be a repository: 'a..b' is more than a-z and 0-9 with single separators: "
        "write gcr.io/PROJECT/IMAGE",
    ),
    "d10-too long": (
        RegistryAccess("gcr.io", "p/" + "a" * 254),
        f"'p/{'a' * 254}' cannot be a repository: it is longer than 255 characters: "
        "write gcr.io/PROJECT/IMAGE",
    ),
}


@pytest.mark.parametrize("name", NAMES)
def test_a_name_that_cannot_be_a_repository_is_told_with_the_right_form(name: str) -> None:
    access, fault = NAMES[name]

    assert access.find_name_fault() == fault
