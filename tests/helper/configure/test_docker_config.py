"""`credHelpers` of config.json, as docker reads it."""

from pathlib import Path

import pytest

from docker_credential_gcr.errors import ConfigError
from docker_credential_gcr.helper.configure import docker_config


@pytest.mark.parametrize(
    ("text", "helpers"),
    [
        ("{}", {}),
        ('{"credHelpers": null}', {}),
        ('{"credHelpers": {"gcr.io": "gcr", "a": ""}}', {"gcr.io": "gcr", "a": ""}),
        ('{"CredHelpers": {"gcr.io": "gcr"}}', {"gcr.io": "gcr"}),
    ],
)
def test_helpers_are_read_as_docker_reads_them(text: str, helpers: dict[str, str]) -> None:
    assert docker_config.parse_helpers(text) == helpers


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ('{"credHelpers": []}', "'config.json', line 1: 'credHelpers' is not an object"),
        ('{\n"credHelpers": "gcr"}', "'config.json', line 2: 'credHelpers' is not an object"),
        (
            '{"credHelpers": {\n"gcr.io": 1}}',
            "'config.json', line 2: 'gcr.io' of 'credHelpers' is not a string",
        ),
    ],
)
def test_what_docker_would_drop_is_refused_with_its_line(text: str, fault: str) -> None:
    with pytest.raises(ConfigError) as raised:
        docker_config.set_helpers(text, "config.json", ["gcr.io"])

    assert str(raised.value) == fault


def test_the_key_is_changed_in_the_case_that_it_has() -> None:
    text = docker_config.set_helpers('{"CredHelpers": {}}', "config.json", ["gcr.io"])

    assert text == '{"CredHelpers": {"gcr.io": "gcr"}}'


def test_our_hosts_are_those_that_docker_asks_us_for(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(
        '{"credHelpers": {"gcr.io": "gcr", "a": "gcloud", "GCR.io": "gcr"}}'
    )

    assert docker_config.load_or_empty({"DOCKER_CONFIG": str(tmp_path)}).hosts == ("gcr.io", "GCR.io")
    assert docker_config.load_or_empty({"DOCKER_CONFIG": str(tmp_path / "absent")}).hosts == ()


def test_without_a_home_there_is_no_configuration() -> None:
    with pytest.raises(ConfigError) as raised:
        docker_config.get_path({}, "win32")

    assert str(raised.value) == "no home directory to find Docker's configuration in"
