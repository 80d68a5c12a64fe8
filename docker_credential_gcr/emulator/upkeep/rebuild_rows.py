"""The rows of a new database: copied as far as they can be read, then made to agree with one another."""

from collections.abc import Callable

from sqlalchemy import Table

from docker_credential_gcr.emulator.database.engine.file import Connection, Row
from docker_credential_gcr.emulator.oci.digest import digest_bytes, parse_digest, split_digest
from docker_credential_gcr.emulator.oci.errors import InvalidDigest, InvalidManifest
from docker_credential_gcr.emulator.oci.manifest import format_referrer, parse_stored_manifest
from docker_credential_gcr.emulator.records import schema, schema_control

from .salvage import Salvage

Lose = Callable[[str], None]

# The manifests tell what these hold; what a test has set ends with the server; the rest a new database has.
_NOT_COPIED = {
    schema.manifest_blobs,
    schema.manifest_children,
    schema.referrers,
    schema_control.control,
    schema_control.journal,
    schema.alembic_version,
    schema.revisions,
}
# Before revision 0008 the bytes of a blob without `data` were a file under its digest.
_OLDER_PLACE = (
    "UPDATE blobs SET pieces = json_array(json_array("
    "'buckets/' || (SELECT name FROM buckets WHERE buckets.id = blobs.bucket) || '/containers/images/' "
    "|| substr(digest, 1, instr(digest, ':') - 1) || '/' || substr(digest, instr(digest, ':') + 1, 2) "
    "|| '/' || substr(digest, instr(digest, ':') + 1), size)) WHERE data IS NULL AND pieces IS NULL"
)
# What is lost of these a client begins again, or a collection finds.
_PASSING = {schema.uploads, schema.doomed}
# Owners before what they own.
_COPIED = tuple(table for table in schema.metadata.sorted_tables if table not in _NOT_COPIED)
_DROP_ASTRAY = {
    "tags": "DELETE FROM tags WHERE repository != (SELECT repository FROM manifests WHERE id = manifest)",
    "blob_links": (
        "DELETE FROM blob_links WHERE (SELECT bucket FROM repositories WHERE id = repository) "
        "!= (SELECT bucket FROM blobs WHERE id = blob)"
    ),
}


def copy_rows(old: Connection, new: Connection, lose: Lose, *, now: float) -> None:
    """Copy each row that can be read."""
    for table in _COPIED:
        salvage = Salvage(old, table)
        for row in salvage.rows():
            # An older revision has no such column; what else it lacks begins as the schema says.
            values = {"used_at": int(now), **dict(row)}
            values = {column.name: values[column.name] for column in table.columns if column.name in values}
            names, marks = ", ".join(values), ", ".join("?" * len(values))
            statement = f"INSERT OR IGNORE INTO {table.name} ({names}) VALUES ({marks})"  # noqa: S608
            new.execute(statement, tuple(values.values()))
        if not salvage.is_whole and table not in _PASSING:
            lose(f"a part of the table {table.name} cannot be read")
    new.execute(_OLDER_PLACE)


def drop_astray(new: Connection, lose: Lose) -> None:
    """Delete the tags and links that lead into another repository or bucket than their own."""
    for table, statement in _DROP_ASTRAY.items():
        count = new.execute(statement).rowcount
        if count:
            lose(f"{count} of {table}, which lead into another repository or bucket")


def drop_dangling(new: Connection, lose: Lose) -> None:
    """Delete the rows that point at one which is lost."""
    for table in _COPIED:
        for column, parent in _list_references(table):
            statement = f"DELETE FROM {table.name} WHERE {column} NOT IN (SELECT id FROM {parent})"  # noqa: S608
            count = new.execute(statement).rowcount
            if count:
                lose(f"{count} of {table.name}, whose {parent} are lost")


def _list_references(table: Table) -> list[tuple[str, str]]:
    return [(key.parent.name, key.column.table.name) for key in table.foreign_keys]


def enter_references(new: Connection, lose: Lose) -> None:
    """Enter what each manifest names; delete those that are not what was pushed."""
    statement = (
        "SELECT id, repository, digest, media_type, CAST(data AS BLOB) AS data FROM manifests WHERE id = ?"
    )
    # One by one: all of them may be more than memory holds.
    for (manifest_id,) in new.execute("SELECT id FROM manifests").fetchall():
        row = new.execute(statement, (manifest_id,)).fetchone()
        try:
            algorithm, _ = split_digest(parse_digest(row["digest"]))
            if digest_bytes(row["data"], algorithm) != row["digest"]:
                raise InvalidManifest("its bytes are not those of its digest")
            _enter(new, row)
        except (InvalidDigest, InvalidManifest) as error:
            lose(f"manifest {row['digest']}: {error}")
            new.execute("DELETE FROM tags WHERE manifest = ?", (row["id"],))
            new.execute("DELETE FROM manifests WHERE id = ?", (row["id"],))


def _enter(new: Connection, row: Row) -> None:
    manifest = parse_stored_manifest(row["data"], row["media_type"])
    references = manifest.list_references()
    new.executemany(
        "INSERT INTO manifest_blobs (manifest, digest, repository) VALUES (?, ?, ?)",
        [(row["id"], digest, row["repository"]) for digest in sorted(references.blobs)],
    )
    new.executemany(
        "INSERT INTO manifest_children (parent, digest) VALUES (?, ?)",
        [(row["id"], digest) for digest in sorted(references.children)],
    )
    for subject in references.subject:
        descriptor = format_referrer(manifest, row["digest"], len(row["data"]))
        new.execute(
            "INSERT INTO referrers (manifest, repository, subject, artifact_type, digest, descriptor) "
            "VALUES (?, ?, ?, ?, ?, ?)",
            (row["id"], row["repository"], subject, manifest.artifact_type, row["digest"], descriptor),
        )
