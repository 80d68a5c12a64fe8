"""Control state: changes are applied in the order of their commits."""

import asyncio

import pytest

from docker_credential_gcr.emulator.control.journal import ProcessJournal
from docker_credential_gcr.emulator.control.shared_state import ControlState
from docker_credential_gcr.emulator.gce_instance import CurrentInstance
from docker_credential_gcr.emulator.runtime.clock import Clock


class Database:
    """Rows that change with the version; each read waits for its own event in `ends`."""

    def __init__(self):
        self.version = 0
        self.ends = []

    async def refresh(self):
        """Does nothing."""

    def control_version(self):
        return self.version

    async def read(self, _work):
        rows = {"clock": f"[{self.version}, 0.0]"}
        end = asyncio.Event()
        self.ends.append(end)
        await end.wait()
        return rows


def test_a_read_that_a_later_one_overtook_changes_nothing():
    async def overtake():
        database, clock = Database(), Clock()
        state = ControlState(
            database,
            clock,
            CurrentInstance(None),
            ProcessJournal(clock),
            reset=None,
            clear_caches=None,
            refuse=None,
        )
        refreshes = []
        for version in (1, 2):
            database.version = version
            refreshes.append(asyncio.create_task(state.refresh()))
            await asyncio.sleep(0)
        seen = []
        for index in (1, 0):
            database.ends[index].set()
            await refreshes[index]
            seen.append(clock.now())
        return seen

    assert asyncio.run(overtake()) == [2, 2]


class OneRow:
    """A database with one row of control state, or none."""

    def __init__(self, document):
        self._document = document

    def read_now(self, _work):
        return self._document


@pytest.mark.parametrize(
    ("document", "now"), [(None, 998.0), ("[null, 60.0]", 1058.0), ("[5.0, 0.0]", 5.0)], ids=repr
)
def test_a_thread_finds_the_time_of_the_database_unless_a_test_has_set_another(document, now):
    clock = Clock(lambda: 1000.0)
    clock.follow(-2.0)
    state = ControlState(
        OneRow(document),
        clock,
        CurrentInstance(None),
        ProcessJournal(clock),
        reset=None,
        clear_caches=None,
        refuse=None,
    )
    assert state.find_now() == now
    assert clock.now() == 998.0
