"""Paths of the files, by platform and environment."""

import pytest

from docker_credential_gcr.helper import paths

HOME = {"HOME": "/home/u"}
WINDOWS = {"USERPROFILE": "C:\\Users\\u", "APPDATA": "C:\\Roaming", "LOCALAPPDATA": "C:\\Local"}


@pytest.mark.parametrize(
    ("environ", "platform", "expected"),
    [
        (HOME, "linux", "/home/u/.cache/docker-credential-gcr"),
        (HOME | {"XDG_CACHE_HOME": "/x/"}, "linux", "/x/docker-credential-gcr"),
        (HOME | {"XDG_CACHE_HOME": "relative"}, "linux", "/home/u/.cache/docker-credential-gcr"),
        (HOME | {"XDG_CACHE_HOME": "/x"}, "darwin", "/home/u/Library/Caches/docker-credential-gcr"),
        (WINDOWS, "win32", "C:\\Local\\docker-credential-gcr"),
        ({}, "win32", None),
        (HOME | {"DOCKER_CREDENTIAL_GCR_CACHE_DIR": "/c"}, "linux", "/c"),
        (
            HOME | {"DOCKER_CREDENTIAL_GCR_CACHE": "off", "DOCKER_CREDENTIAL_GCR_CACHE_DIR": "/c"},
            "linux",
            None,
        ),
    ],
)
def test_the_cache_directory(environ: dict[str, str], platform: str, expected: str | None) -> None:
    assert paths.find_cache_dir(environ, platform) == expected


@pytest.mark.parametrize(
    ("environ", "platform", "expected"),
    [
        (HOME, "linux", "/home/u/.config/gcloud"),
        (HOME, "darwin", "/home/u/.config/gcloud"),
        ({"HOME": "/"}, "linux", "/.config/gcloud"),
        (HOME | {"CLOUDSDK_CONFIG": "/g"}, "linux", "/g"),
        (HOME | {"CLOUDSDK_CONFIG": ""}, "linux", "/home/u/.config/gcloud"),
        (WINDOWS, "win32", "C:\\Roaming\\gcloud"),
        ({}, "win32", None),
    ],
)
def test_the_directory_of_gcloud(environ: dict[str, str], platform: str, expected: str | None) -> None:
    assert paths.find_gcloud_dir(environ, platform) == expected


@pytest.mark.parametrize(
    ("environ", "platform", "expected"),
    [
        (HOME, "linux", "/home/u/.docker/config.json"),
        (HOME | {"DOCKER_CONFIG": "/d"}, "linux", "/d/config.json"),
        (HOME | {"DOCKER_CONFIG": ""}, "linux", "/home/u/.docker/config.json"),
        (WINDOWS, "win32", "C:\\Users\\u\\.docker\\config.json"),
        ({}, "win32", None),
    ],
)
def test_the_configuration_of_docker(environ: dict[str, str], platform: str, expected: str | None) -> None:
    assert paths.find_docker_config_file(environ, platform) == expected


def test_the_files_that_are_shared_with_googles_helper() -> None:
    named = {"DOCKER_CREDENTIAL_GCR_CONFIG": "/c.json", "DOCKER_CREDENTIAL_GCR_STORE": "/s.json"}

    found = [
        (paths.find_config_file(e, "linux"), paths.find_store_file(e, "linux")) for e in (HOME, HOME | named)
    ]

    assert found == [
        (
            "/home/u/.config/gcloud/docker_credential_gcr_config.json",
            "/home/u/.config/gcloud/docker_credentials.json",
        ),
        ("/c.json", "/s.json"),
    ]


def test_without_home_the_password_database_names_the_directory() -> None:
    import pwd

    assert paths.find_home({"HOME": ""}, "linux") == pwd.getpwuid(paths.os.getuid()).pw_dir


@pytest.mark.parametrize(
    ("environ", "platform", "expected"),
    [
        ({"HOME": "/h"}, "linux", "/h/.config/gcloud/docker_credential_gcr_logins.json"),
        ({"APPDATA": "C:\\a"}, "win32", "C:\\a\\gcloud\\docker_credential_gcr_logins.json"),
        (
            {"DOCKER_CREDENTIAL_GCR_CONFIG": "C:/a\\own.json"},
            "win32",
            "C:/a\\docker_credential_gcr_logins.json",
        ),
        ({"DOCKER_CREDENTIAL_GCR_CONFIG": "own.json"}, "linux", "docker_credential_gcr_logins.json"),
        ({}, "win32", None),
    ],
)
def test_the_logins_are_next_to_the_configuration(
    environ: dict[str, str], platform: str, expected: str | None
) -> None:
    assert paths.find_logins_file(environ, platform) == expected
