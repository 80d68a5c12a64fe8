"""The memory: it answers from what it knows until the next commit, and not a moment longer."""

from docker_credential_gcr.emulator.registry.memory import Memory


class Versions:
    def __init__(self):
        self.now = 0

    def __call__(self):
        return self.now


def small(_):
    return 1


def never(_):
    return None


def ask(memory, key, answers, *, measure=small):
    return memory.recall(key, lambda: answers.pop(0), measure=measure)


def test_what_is_known_is_not_looked_up_again_until_a_commit():
    version = Versions()
    memory = Memory(version)
    answers = ["first", "second"]
    assert [ask(memory, "a", answers), ask(memory, "a", answers)] == ["first", "first"]
    version.now += 1
    assert ask(memory, "a", answers) == "second"


def test_what_a_commit_overtook_is_looked_up_again():
    version = Versions()
    memory = Memory(version)

    def find():
        version.now += 1
        return "old"

    assert memory.recall("a", find, measure=small) == "old"
    assert ask(memory, "a", ["new"]) == "new"


def test_what_may_not_be_kept_is_not():
    memory = Memory(Versions())
    answers = ["first", "second"]
    assert ask(memory, "a", answers, measure=never) == "first"
    assert ask(memory, "a", answers) == "second"


def test_it_never_holds_more_than_its_limit():
    memory = Memory(Versions(), limit=3)
    for number in range(10):
        ask(memory, number, ["x"])
        assert len(memory._answers) <= 3


def test_error_is_not_remembered():
    memory = Memory(Versions())
    answers = []
    for _ in range(2):
        try:
            ask(memory, "a", answers)
        except IndexError:
            answers = ["found"]
    assert ask(memory, "a", ["other"]) == "found"
