"""PostgreSQL's errors, by what to do about them: run the work again, connect again, or tell the client.

https://www.postgresql.org/docs/current/errcodes-appendix.html
"""

import enum

import psycopg


class Fault(enum.Enum):
    """Kind of an error."""

    # The transaction was rolled back for another one's sake: run it again.
    CONFLICT = enum.auto()
    # The connection is lost, or of no more use: run the work again on another one.
    LOST = enum.auto()
    # The database has no time or no room for this now.
    BUSY = enum.auto()
    FULL = enum.auto()


_FAULTS = {
    "40001": Fault.CONFLICT,  # serialization_failure
    "40P01": Fault.CONFLICT,  # deadlock_detected
    # A statement was prepared before a migration changed its columns; nothing ran.
    "0A000": Fault.LOST,  # feature_not_supported: cached plan must not change result type
    "25006": Fault.LOST,  # read_only_sql_transaction: the server was demoted
    "25P03": Fault.LOST,  # idle_in_transaction_session_timeout
    "53100": Fault.FULL,  # disk_full
    "55P03": Fault.BUSY,  # lock_not_available: lock_timeout
    "57014": Fault.BUSY,  # query_canceled: statement_timeout
}
# connection exceptions; insufficient resources, such as too many connections; operator intervention
_CLASSES = {"08": Fault.LOST, "53": Fault.BUSY, "57": Fault.LOST, "58": Fault.BUSY}


def find_fault(error: BaseException) -> Fault | None:
    """Returns the kind of an error, which SQLAlchemy may have wrapped; None for an error of the work."""
    cause: BaseException | None = error
    while cause is not None and not isinstance(cause, psycopg.Error):
        cause = cause.__cause__
    if cause is None:
        return None
    if cause.sqlstate is None:
        # libpq's own errors have no code: it cannot connect, or the connection broke off.
        return Fault.LOST if isinstance(cause, psycopg.OperationalError) else None
    return _FAULTS.get(cause.sqlstate) or _CLASSES.get(cause.sqlstate[:2])
