"""Small records in fixed places: whole or not at all, and there after the process has gone."""

import os

import pytest

from docker_credential_gcr.emulator.blobs.slots import Slots

LONGEST = 4088


@pytest.fixture
def path(tmp_path):
    return tmp_path / "slots"


def read(path):
    """What another process finds."""
    return sorted(Slots(path).read())


def test_records_are_there_for_who_comes_later_until_they_are_dropped(path):
    slots = Slots(path)
    assert (slots.put("a", b"one"), slots.put("b", b"two")) == (True, True)
    assert read(path) == [b"one", b"two"]
    slots.drop("a")
    slots.drop("a")
    assert read(path) == [b"two"]
    slots.clear()
    assert (read(path), path.stat().st_size) == ([], 0)


def test_a_key_has_its_last_record_alone(path):
    slots = Slots(path)
    for number in range(1000):
        assert slots.put("a", b"%d" % number)
    assert read(path) == [b"999"]


@pytest.mark.parametrize("size", [1, LONGEST - 1, LONGEST])
def test_a_record_of_any_size_that_fits_is_kept_as_it_is(path, size):
    record = os.urandom(size)
    assert Slots(path).put("a", record)
    assert read(path) == [record]


def test_what_is_too_long_is_not_kept_and_what_was_kept_stays(path):
    slots = Slots(path)
    assert slots.put("a", b"short")
    assert not slots.put("a", bytes(LONGEST + 1))
    assert read(path) == [b"short"]


def test_there_is_room_for_so_many_and_again_for_one_when_one_goes(path):
    slots = Slots(path)
    kept = [slots.put(str(number), b"%d" % number) for number in range(300)]
    assert kept == [True] * 256 + [False] * 44
    slots.drop("7")
    assert (slots.put("x", b"x"), slots.put("y", b"y")) == (True, False)
    assert len(read(path)) == 256


def test_a_record_that_was_cut_short_is_none(path):
    slots = Slots(path)
    slots.put("a", b"whole")
    slots.put("b", b"torn apart")
    content = path.read_bytes()
    path.write_bytes(content.replace(b"torn apart", b"torn\0\0\0\0\0\0"))
    assert read(path) == [b"whole"]
    path.write_bytes(content[:4099])
    assert read(path) == [b"whole"]


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="/dev/full is Linux's: a disk without room")
def test_on_a_full_disk_nothing_is_kept_and_nothing_breaks():
    slots = Slots("/dev/full")
    assert not slots.put("a", b"x")
    slots.drop("a")


def test_a_file_that_is_closed_takes_nothing_and_keeps_what_it_has(path):
    slots = Slots(path)
    slots.put("a", b"one")
    slots.close()
    slots.drop("a")
    assert not slots.put("b", b"two")
    assert read(path) == [b"one"]


def test_it_is_its_owners_alone(path):
    Slots(path)
    assert path.stat().st_mode & 0o777 == 0o600
