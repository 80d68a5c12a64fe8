"""The Location of an upload that has nothing yet says all of it, signed."""

from dataclasses import dataclass
from typing import Any

import pytest

from docker_credential_gcr.emulator.hosts import locate
from docker_credential_gcr.emulator.records.uploads import Upload
from docker_credential_gcr.emulator.registry.upload_locations import format_location

OWNER = "principal://P/subject/f"
A, B = locate("gcr.io", "project/a"), locate("gcr.io", "project/b")


@dataclass
class Services:
    """What signing needs of the registry's services."""

    upload_key: bytes = b"k" * 32


def sign(upload_id: str, name: str, owner: str) -> str:
    services: Any = Services()
    upload = Upload(upload_id, 0, owner, 0, b"", is_kept=False)
    return format_location(services, locate("gcr.io", name), upload).rpartition("-")[2]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        pytest.param(
            ("ID", "project/a", f"{OWNER}\n{B.bucket}\n{B.path}\nuser:z@z.co"),
            (f"ID\n{A.bucket}\n{A.path}\n{OWNER}", "project/b", "user:z@z.co"),
            id="D-Z22-a subject of lines",
        ),
        pytest.param(("ID", "project/a", OWNER), ("ID", "project/ab", OWNER), id="another repository"),
        pytest.param(("ID", "project/a", OWNER), ("ID", "project/a", OWNER + "g"), id="another owner"),
    ],
)
def test_each_set_of_fields_has_a_signature_of_its_own(
    one: tuple[str, str, str], other: tuple[str, str, str]
) -> None:
    assert sign(*one) == sign(*one)
    assert sign(*one) != sign(*other)
