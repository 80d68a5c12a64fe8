"""Types of docker's and podman's configuration: what their parsers refuse is refused, with the line."""

from pathlib import Path

import pytest
from support.docker_configs import ALL

from docker_credential_gcr.errors import ConfigError
from docker_credential_gcr.helper.configure import docker_config

REFUSED = {
    (client, text): fault for client, (_, refused, _) in ALL.items() for text, fault in refused.items()
}
TAKEN = [(client, text) for client, (_, _, taken) in ALL.items() for text in taken]


@pytest.mark.parametrize("case", REFUSED, ids=[f"I-Z60-{client}-{text!r}" for client, text in REFUSED])
def test_z60_what_its_parser_refuses_is_refused_with_line_and_member(
    tmp_path: Path, case: tuple[str, str]
) -> None:
    client, text = case
    path = tmp_path / "config.json"
    path.write_text(text)

    with pytest.raises(ConfigError) as raised:
        docker_config.load_text(str(path), ALL[client][0])

    assert (str(raised.value), raised.value.hint) == (
        f"{str(path)!r}, {REFUSED[case]}",
        "correct the file, or move it away",
    )


@pytest.mark.parametrize(
    ("client", "text"), TAKEN, ids=[f"I-Z60-{client}-{text!r}" for client, text in TAKEN]
)
def test_z60_what_its_parser_takes_is_taken_and_configured(tmp_path: Path, client: str, text: str) -> None:
    path, file_type = tmp_path / "config.json", ALL[client][0]
    path.write_text(text)

    loaded = docker_config.load_text(str(path), file_type)
    after = docker_config.set_helpers(loaded, str(path), ["gcr.io"], file_type=file_type)

    assert docker_config.parse_helpers(after) == {**docker_config.parse_helpers(loaded), "gcr.io": "gcr"}


@pytest.mark.parametrize(
    ("text", "helpers"),
    [
        ('{"credHelpers": {"a": "b"}, "CredHelpers": {"a": "c", "d": "e"}}', {"a": "c", "d": "e"}),
        ('{"credHelpers": {"a": "b"}, "credHelpers": null}', {}),
        ('{"credHelpers": {"a": "b", "a": null}}', {"a": ""}),
        ('{"credHelpers": {"\\u0007": "gcr", "a": "gcr"}}', {"a": "gcr"}),
        ('{"credHelpers": {"a": "-----BEGIN PRIVATE KEY-----"}}', {"a": "…"}),
    ],
    ids=lambda value: f"I-Z60-{value}" if isinstance(value, str) else "",
)
def test_z60_members_of_one_name_are_merged_as_docker_merges_them(text: str, helpers: dict[str, str]) -> None:
    assert docker_config.parse_helpers(text) == helpers
