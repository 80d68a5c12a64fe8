"""Configuration files of the user: replaced as a whole, through links; a malformed file is not touched."""

import os
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from docker_credential_gcr.errors import ConfigError
from docker_credential_gcr.helper.configure import config_edit, config_file, docker_config
from docker_credential_gcr.helper.configure.config_edit import Edit


def add(path: Path, host: str = "gcr.io") -> Edit:
    return Edit(str(path), lambda text: docker_config.set_helpers(text, str(path), [host]))


NEW = '{\n\t"credHelpers": {\n\t\t"gcr.io": "gcr"\n\t}\n}\n'


def test_a_file_that_is_not_there_is_made_for_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "a/b/config.json"

    assert config_edit.apply(add(path)) is True

    assert path.read_text() == NEW
    assert [oct(p.stat().st_mode & 0o777) for p in (path.parent, path)] == ["0o700", "0o600"]
    assert os.listdir(path.parent) == ["config.json"]


@pytest.mark.parametrize("content", ["", " \n", "null", "null\n", "\ufeff"])
def test_a_file_that_says_nothing_is_an_empty_object(tmp_path: Path, content: str) -> None:
    path = tmp_path / "config.json"
    path.write_text(content)

    config_edit.apply(add(path))

    assert path.read_text() == NEW


def test_a_byte_order_mark_is_not_written_again_even_if_nothing_else_changes(tmp_path: Path) -> None:
    path = tmp_path / "config.json"
    path.write_bytes(b"\xef\xbb\xbf" + NEW.encode())

    assert [config_edit.apply(add(path)) for _ in range(2)] == [True, False]
    assert path.read_text() == NEW


def test_a_second_run_does_not_write(tmp_path: Path) -> None:
    path = tmp_path / "config.json"
    config_edit.apply(add(path))
    before = path.stat()

    assert config_edit.apply(add(path)) is False

    after = path.stat()
    assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


@pytest.mark.parametrize("mode", [0o640, 0o444, 0o666])
def test_the_mode_is_kept(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "config.json"
    path.write_text("{}")
    path.chmod(mode)

    config_edit.apply(add(path))

    assert (path.read_text(), path.stat().st_mode & 0o777) == (NEW.rstrip("\n"), mode)


def test_a_private_file_ends_as_its_owners_alone(tmp_path: Path) -> None:
    path = tmp_path / "config.json"
    path.write_text("{}")
    path.chmod(0o644)

    config_edit.apply(Edit(str(path), lambda _: '{"a":1}', is_private=True))

    assert (path.read_text(), path.stat().st_mode & 0o777) == ('{"a":1}', 0o600)


@pytest.mark.needs_root("make a file of another user")
def test_the_owner_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "config.json"
    path.write_text("{}")
    os.chown(path, 12345, 23456)

    config_edit.apply(add(path))

    assert (path.stat().st_uid, path.stat().st_gid) == (12345, 23456)


@pytest.mark.parametrize("is_dangling", [False, True])
def test_a_relative_link_is_followed_from_any_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_dangling: bool
) -> None:
    target = tmp_path / "dotfiles/config.json"
    target.parent.mkdir()
    if not is_dangling:
        target.write_text("{}")
    link = tmp_path / "docker/config.json"
    link.parent.mkdir()
    link.symlink_to("../dotfiles/config.json")
    monkeypatch.chdir("/")

    config_edit.apply(add(link))

    assert os.readlink(link) == "../dotfiles/config.json"
    assert target.read_text().rstrip("\n") == NEW.rstrip("\n")


def test_parallel_runs_keep_each_others_hosts(tmp_path: Path) -> None:
    path = tmp_path / "config.json"
    hosts = [f"h{number}.gcr.io" for number in range(20)]

    threads = [threading.Thread(target=config_edit.apply, args=(add(path, host),)) for host in hosts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(docker_config.parse_helpers(path.read_text())) == sorted(hosts)
    assert os.listdir(tmp_path) == ["config.json"]


def make_loop(path: Path) -> None:
    path.symlink_to(path)


def make_parent_a_file(path: Path) -> None:
    path.parent.rmdir()
    path.parent.write_text("")


@pytest.mark.parametrize(
    ("make", "fault"),
    [
        (Path.mkdir, "cannot read PATH: Is a directory"),
        (make_loop, "cannot read PATH: Too many levels of symbolic links"),
        (make_parent_a_file, "cannot read PATH: Not a directory"),
    ],
)
def test_what_is_no_file_is_refused(tmp_path: Path, make: Callable[[Path], None], fault: str) -> None:
    path = tmp_path / "docker/config.json"
    path.parent.mkdir()
    make(path)

    with pytest.raises(ConfigError) as raised:
        config_file.load_text(str(path))

    assert str(raised.value) == fault.replace("PATH", repr(str(path)))


def test_a_directory_that_cannot_be_written_is_named_and_nothing_is_left(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as raised:
        config_edit.apply(add(Path("/proc/self/config.json")))

    assert str(raised.value) == "cannot write '/proc/self/config.json': No such file or directory"
    assert list(tmp_path.iterdir()) == []


def test_a_replacement_that_fails_leaves_the_file_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "config.json"
    path.write_text("{}")

    with pytest.raises(ConfigError) as raised:
        config_edit.apply(Edit(str(path), lambda _: '{"a":"\ud800"}'))

    assert str(raised.value).startswith(f"cannot write {str(path)!r}: ")
    assert (path.read_text(), os.listdir(tmp_path)) == ("{}", ["config.json"])
