"""Token cache on disk: what is stored, what is trusted, and what is not."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from docker_credential_gcr.helper.tokens import AccessToken, cache

NOW = 1_700_000_000.5
ENTRY = {"version": 1, "access_token": "ya29.t", "expires_at": 1_700_003_600, "obtained_at": 1_700_000_000}


def write(path: Path, content: object, mode: int = 0o600) -> str:
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    path.chmod(mode)
    return str(path)


def load(path: str) -> tuple[str, int, int] | None:
    token = cache.load_token(path, NOW)
    return token and (token.value, token.expires_at, token.obtained_at)


def test_a_saved_token_is_loaded(tmp_path: Path) -> None:
    path = tmp_path / "cache/entry.json"

    cache.save_token(str(path), AccessToken("ya29.t", expires_at=1_700_003_600, obtained_at=1_700_000_000))

    assert load(str(path)) == ("ya29.t", 1_700_003_600, 1_700_000_000)
    assert json.loads(path.read_text()) == ENTRY
    assert [oct(p.stat().st_mode & 0o777) for p in (path.parent, path)] == ["0o700", "0o600"]
    assert os.listdir(path.parent) == ["entry.json"]


def test_z76_a_token_is_loaded_where_what_it_depends_on_is_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_REGION", "one")
    monkeypatch.chdir(tmp_path)
    path = str(tmp_path / "entry.json")
    kept = ("t", 1_700_003_600, 1_700_000_000)
    names = (".", "AWS_REGION")
    cache.save_token(path, AccessToken("t", expires_at=kept[1], obtained_at=kept[2], depends_on=names))
    answers = [load(path)]

    for region, directory in (("two", tmp_path), ("one", tmp_path.parent), ("one", tmp_path)):
        monkeypatch.setenv("AWS_REGION", region)
        monkeypatch.chdir(directory)
        answers.append(load(path))

    assert answers == [kept, None, None, kept]


def test_a_directory_that_others_may_enter_is_closed_to_them(tmp_path: Path) -> None:
    directory = tmp_path / "cache"
    directory.mkdir(mode=0o755)

    cache.save_token(str(directory / "e.json"), AccessToken("t", expires_at=2, obtained_at=1))

    assert oct(directory.stat().st_mode & 0o777) == "0o700"


UNTRUSTED = {
    "corrupt": "{",
    "truncated": json.dumps(ENTRY)[:-1],
    "two values": json.dumps(ENTRY) + "}",
    "empty": "",
    "not ASCII": json.dumps(ENTRY) + "é",
    "a list": [ENTRY],
    "another version": ENTRY | {"version": 2},
    "no version": {k: v for k, v in ENTRY.items() if k != "version"},
    "a token that is no text": ENTRY | {"access_token": 1},
    "an empty token": ENTRY | {"access_token": ""},
    "a line break in the token": ENTRY | {"access_token": "a\nb"},
    "a dependency that is no list": ENTRY | {"depends_on": "HOME"},
    "a dependency that is no text": ENTRY | {"depends_on": [1]},
    "a dependency without its value": ENTRY | {"depends_on": ["HOME"]},
    "an expiry that is text": ENTRY | {"expires_at": "1700003600"},
    "an expiry that is a fraction": ENTRY | {"expires_at": 1_700_003_600.5},
    "an expiry that is no number": json.dumps(ENTRY | {"expires_at": float("inf")}),
    "no expiry": {k: v for k, v in ENTRY.items() if k != "expires_at"},
    "true for an instant": ENTRY | {"obtained_at": True},
    "from the future": ENTRY | {"obtained_at": 1_700_000_001},
    "expired before it was obtained": ENTRY | {"expires_at": 1_600_000_000},
    "a life of years": ENTRY | {"expires_at": 1_900_000_000},
}


@pytest.mark.parametrize("content", UNTRUSTED.values(), ids=UNTRUSTED)
def test_an_entry_that_this_program_did_not_write_is_not_trusted(content: object, tmp_path: Path) -> None:
    assert load(write(tmp_path / "e.json", content)) is None


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o660, 0o602])
def test_an_entry_that_others_may_read_or_write_is_not_trusted(mode: int, tmp_path: Path) -> None:
    assert load(write(tmp_path / "e.json", ENTRY, mode)) is None


def test_what_is_no_file_is_not_an_entry(tmp_path: Path) -> None:
    target = write(tmp_path / "target", ENTRY)
    (tmp_path / "link").symlink_to(target)
    (tmp_path / "directory").mkdir()
    os.mkfifo(tmp_path / "pipe", 0o600)

    found = [
        load(str(tmp_path / name)) for name in ("link", "directory", "pipe", "absent", "absent/too", "nul\0")
    ]

    assert found == [None] * 6


@pytest.mark.needs_root("make a file of another user")
def test_an_entry_of_another_user_is_not_trusted(tmp_path: Path) -> None:
    path = write(tmp_path / "e.json", ENTRY)
    os.chown(path, 12345, 12345)

    assert load(path) is None


@pytest.mark.needs_root("make a directory of another user")
def test_nothing_is_saved_in_a_directory_of_another_user(tmp_path: Path) -> None:
    os.chown(tmp_path, 12345, 12345)

    with pytest.raises(PermissionError):
        cache.save_token(str(tmp_path / "e.json"), AccessToken("t", expires_at=2, obtained_at=1))
    assert os.listdir(tmp_path) == []


def test_each_identity_has_its_own_entry(tmp_path: Path) -> None:
    environ = {"DOCKER_CREDENTIAL_GCR_CACHE_DIR": str(tmp_path)}

    one, same = (cache.find_entry(("a", "b"), environ=environ) for _ in range(2))

    assert one == same
    assert len(Path(one or "").name) == 37


@pytest.mark.parametrize(
    ("one", "other"),
    [
        pytest.param(("a", "b"), ("ab", ""), id="D-Z22-moved by a character"),
        pytest.param(("a\0b",), ("a", "b"), id="D-Z22-a NUL in a part"),
        pytest.param(("1:a",), ("a",), id="D-Z22-a part that looks framed"),
        pytest.param((("a", "b"), ("c",)), (("a",), ("b", "c")), id="D-Z22-moved between lists"),
    ],
)
def test_other_identities_have_other_entries(
    tmp_path: Path, one: tuple[Any, ...], other: tuple[Any, ...]
) -> None:
    environ = {"DOCKER_CREDENTIAL_GCR_CACHE_DIR": str(tmp_path)}

    assert cache.find_entry(one, environ=environ) != cache.find_entry(other, environ=environ)


def test_a_cache_that_is_off_has_no_entries() -> None:
    assert cache.find_entry(("a",), environ={"DOCKER_CREDENTIAL_GCR_CACHE": "off", "HOME": "/h"}) is None
    assert cache.load_token(None, NOW) is None
