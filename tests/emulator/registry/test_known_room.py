"""What is known of the room for uploads is never more than there is."""

from docker_credential_gcr.emulator.registry.known_room import KnownRoom


def test_before_the_first_look_there_is_no_room():
    assert not KnownRoom().take(100, before=0)


def test_as_many_are_taken_as_the_look_has_left():
    room = KnownRoom()
    room.note(2, 100, taken=0)
    assert [room.take(100, before=50) for _ in range(3)] == [True, True, False]


def test_what_was_taken_since_the_look_began_is_not_given_again():
    room = KnownRoom()
    room.note(3, 100, taken=0)
    taken = room.taken
    assert room.take(100, before=50)
    room.note(2, 100, taken=taken)
    assert [room.take(100, before=50) for _ in range(2)] == [True, False]


def test_where_the_oldest_may_be_over_all_must_be_looked_at():
    room = KnownRoom()
    room.note(5, 100, taken=0)
    assert room.take(60, before=50)
    assert not room.take(200, before=61)
