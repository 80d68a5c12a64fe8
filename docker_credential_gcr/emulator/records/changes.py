"""What the commits of a connection have changed, counted by SQLite itself: no writer can forget to."""

from typing import Any

from sqlalchemy import Connection

from . import schema

# Where a repository is gone, what is remembered of its name is wrong.
REPOSITORIES = schema.repositories.name
# What the triggers say that note changes: the database's own counters, which serve other processes, too.
_TRIGGERS = (
    f"TEMP TRIGGER revisions_noted AFTER UPDATE ON main.{schema.revisions.name} "
    "BEGIN SELECT note_change(NEW.subject); END",
    f"TEMP TRIGGER repositories_noted AFTER DELETE ON main.{REPOSITORIES} "
    f"BEGIN SELECT note_change('{REPOSITORIES}'); END",
)
_SUBJECTS = (schema.ACCESS, schema.CONTROL, REPOSITORIES)


class Changes:
    """The changes of one connection, which is the only one that writes.

    https://www.sqlite.org/lang_createtrigger.html#temp_triggers_on_non_temp_tables
    """

    def __init__(self, connection: Connection) -> None:
        self._counts = dict.fromkeys(_SUBJECTS, 0)
        self._uncommitted: set[str] = set()
        driver: Any = connection.connection.dbapi_connection
        driver.create_function("note_change", 1, self._uncommitted.add)
        connection.exec_driver_sql("PRAGMA temp_store=MEMORY")
        for trigger in _TRIGGERS:
            connection.exec_driver_sql(f"CREATE {trigger}")

    def commit(self) -> None:
        """Count what was changed, though some of it may have been undone."""
        if self._uncommitted:
            for subject in self._uncommitted:
                self._counts[subject] += 2
            self._uncommitted.clear()

    def undo(self) -> None:
        """Count everything as changed: what was seen in the transaction is not so."""
        self._uncommitted.update(_SUBJECTS)
        self.commit()

    def count(self, subject: str) -> int:
        """A number that grows with each change of it, within the transaction too."""
        return self._counts[subject] + (subject in self._uncommitted)
