"""Outbox: an event for each change of a tag or manifest, written in the transaction that makes the change.

Ids follow the beginning of transactions, not their commits: a reader that remembers the last id could skip
the event of a slower transaction. So readers see admitted events only. `admit` runs in a `write`, while no
addition is in progress: every event up to the highest id is committed then.
"""

import base64
import json
from collections.abc import Callable, Sequence
from typing import NamedTuple

from sqlalchemy import Connection, bindparam, delete, func, select, true

from docker_credential_gcr.emulator.database.engine.dialect import insert
from docker_credential_gcr.emulator.database.engine.statement import Statement
from docker_credential_gcr.emulator.database.schema import events, manifests, watermarks

INSERT, DELETE = "INSERT", "DELETE"
# Events that one transaction admits: more would delay other writes.
ADMITTED_AT_ONCE = 1000
# Old events that one transaction deletes.
PRUNED_AT_ONCE = 1000
_MARK = "events"
# Of an event's document, under the same names.
_SHOWN = ("action", "project", "service", "repository", "digest", "tag", "size", "member")


class Event(NamedTuple):
    """A change of an image: of a tag, of a digest, or of a tag that names a digest.

    `repository` is a whole name with the host that the client used, gcr.io/my-project/app; `size` is the
    manifest's. `id` counts only in a stored event.
    """

    at_ms: int
    action: str
    project: str
    service: str
    repository: str
    digest: str | None = None
    tag: str | None = None
    media_type: str | None = None
    size: int | None = None
    member: str | None = None
    id: int = 0

    def format_message(self) -> dict[str, str]:
        """Returns Google's message: {"action": "INSERT", "digest": "gcr.io/p/app@sha256:…", "tag": "…:v1"}

        https://cloud.google.com/artifact-registry/docs/configure-notifications#examples
        """
        message = {"action": self.action}
        if self.digest is not None:
            message["digest"] = f"{self.repository}@{self.digest}"
        if self.tag is not None:
            message["tag"] = f"{self.repository}:{self.tag}"
        return message

    def encode_message(self) -> str:
        """Returns Google's message as the data of a message of Pub/Sub: base64 of its JSON."""
        text = json.dumps(self.format_message(), separators=(",", ":"))
        return base64.b64encode(text.encode()).decode()

    def format_document(self) -> dict[str, object]:
        """Returns the event as GET /_emulator/events shows it; members without a value are absent."""
        document: dict[str, object] = {"id": self.id, "time": self.at_ms / 1000}
        values = self._asdict()
        document |= {name: values[name] for name in _SHOWN if values[name] is not None}
        if self.media_type is not None:
            document["mediaType"] = self.media_type
        return {**document, "message": self.format_message()}


Consumer = Callable[[Connection, Sequence[Event]], None]

# Without `id`, which the database gives.
COLUMNS = Event._fields[:-1]
_SELECTED = (*(events.c[name] for name in COLUMNS), events.c.id)
_ADD = Statement(insert(events), COLUMNS)
_MEASURE = Statement(
    select(manifests.c.media_type, func.length(manifests.c.data)).where(
        manifests.c.id == bindparam("manifest")
    )
)
_NEW_MARK = insert(watermarks)
_ADVANCE = Statement(
    _NEW_MARK.on_conflict_do_update(
        index_elements=[watermarks.c.name], set_={"number": _NEW_MARK.excluded.number}
    ),
    ["name", "number"],
)
_WATERMARK = Statement(select(watermarks.c.number).where(watermarks.c.name == bindparam("name")))
_HIGHEST = Statement(select(func.max(events.c.id)))
_OLDEST = Statement(select(func.min(events.c.id)))


def _list(project: object) -> Statement:
    return Statement(
        select(*_SELECTED)
        .where(events.c.id > bindparam("after"), events.c.id <= bindparam("last"), project)  # type: ignore[arg-type]
        .order_by(events.c.id)
        .limit(bindparam("count"))
    )


_LIST = _list(true())
_LIST_OF_PROJECT = _list(events.c.project == bindparam("of_project"))
_oldest = select(events.c.id).order_by(events.c.id).limit(PRUNED_AT_ONCE)
# The last admitted event stays: SQLite gives an id again after the row with the highest id is deleted.
_PRUNE = Statement(
    delete(events).where(
        events.c.id.in_(_oldest),
        events.c.id < bindparam("last"),
        (events.c.at_ms < bindparam("before_ms")) | (events.c.id <= bindparam("beyond")),
    )
)


def add(connection: Connection, event: Event) -> None:
    """Adds an event; after the row of its tag was written, so that a tag's events have its commit order."""
    values = event._asdict()
    del values["id"]
    _ADD.run(connection, values)


def measure(connection: Connection, manifest_id: int) -> tuple[str, int]:
    """Returns the media type of a manifest, and its bytes."""
    row = _MEASURE.one(connection, {"manifest": manifest_id})
    assert row is not None  # noqa: S101 - the caller has found it in this transaction
    return str(row[0]), int(row[1])


def has_pending(connection: Connection) -> bool:
    """Returns whether an event waits to be admitted."""
    return _find_highest(connection) > find_watermark(connection)


def find_watermark(connection: Connection) -> int:
    """Returns the id of the last admitted event; 0 if there is none."""
    row = _WATERMARK.one(connection, {"name": _MARK})
    return 0 if row is None else int(row[0])


def find_oldest(connection: Connection) -> int:
    """Returns the id of the oldest event that is still there; 0 if there is none."""
    row = _OLDEST.one(connection, {})
    return 0 if row is None or row[0] is None else int(row[0])


def admit(connection: Connection, consumers: Sequence[Consumer] = ()) -> int:
    """Admits the next events, gives them to the consumers, and returns their number.

    Only for `Database.write`, which runs while no addition is in progress.
    """
    after, last = find_watermark(connection), _find_highest(connection)
    if last <= after:
        return 0
    admitted = _list_between(connection, after, last, ADMITTED_AT_ONCE)
    _ADVANCE.run(connection, {"name": _MARK, "number": admitted[-1].id})
    for consume in consumers:
        consume(connection, admitted)
    return len(admitted)


def list_admitted(
    connection: Connection, *, after: int = 0, count: int, project: str | None = None
) -> list[Event]:
    """Returns at most `count` admitted events after that id, in order; of one project, or of all."""
    return _list_between(connection, after, find_watermark(connection), count, project)


def prune(connection: Connection, *, before_ms: int, count: int) -> int:
    """Deletes admitted events from before that instant, and those beyond the last `count`.

    Returns how many were deleted: PRUNED_AT_ONCE at most, the rest at the next calls.
    """
    last = find_watermark(connection)
    return _PRUNE.run(connection, {"last": last, "before_ms": before_ms, "beyond": last - count})


def _find_highest(connection: Connection) -> int:
    row = _HIGHEST.one(connection, {})
    return 0 if row is None or row[0] is None else int(row[0])


def _list_between(
    connection: Connection, after: int, last: int, count: int, project: str | None = None
) -> list[Event]:
    values: dict[str, object] = {"after": after, "last": last, "count": count}
    if project is None:
        return [Event(*row) for row in _LIST.all(connection, values)]
    return [Event(*row) for row in _LIST_OF_PROJECT.all(connection, {**values, "of_project": project})]
