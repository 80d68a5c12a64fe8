"""The rows of a new database: copied as far as they can be read, then made to agree with one another."""

from collections.abc import Callable

from docker_credential_gcr.emulator.database import schema
from docker_credential_gcr.emulator.database.engine.sqlite_file import Connection, Row, insert
from docker_credential_gcr.emulator.database.schema import control_state as schema_control
from docker_credential_gcr.emulator.oci.digest import digest_bytes, parse_digest, split_digest
from docker_credential_gcr.emulator.oci.errors import InvalidDigest, InvalidManifest
from docker_credential_gcr.emulator.oci.manifest import format_referrer, parse_stored_manifest

from .salvage import Salvage

Lose = Callable[[str], None]

# The manifests tell what these hold; what a test has set ends with the server; doomed keys come last;
# the rest a new database has.
_NOT_COPIED = {
    schema.manifest_blobs,
    schema.manifest_children,
    schema.referrers,
    schema_control.control,
    schema_control.journal,
    schema.doomed,
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
# What is lost of these a client starts again. A snapshot's uploads may have ended, their pieces be a blob's.
_PASSING = {schema.uploads}
# Owners before what they own.
_COPIED = tuple(table for table in schema.metadata.sorted_tables if table not in _NOT_COPIED)
_ASTRAY = "which lead into another repository or bucket"
# The rows that lead nowhere, or astray: (table, condition, what is said of them).
_WRONG = (
    *(
        (table.name, f"{key.parent.name} NOT IN (SELECT id FROM {parent})", f"whose {parent} are lost")  # noqa: S608
        for table in _COPIED
        for key in table.foreign_keys
        for parent in [key.column.table.name]
    ),
    ("tags", "repository != (SELECT repository FROM manifests WHERE id = manifest)", _ASTRAY),
    (
        "blob_links",
        "(SELECT bucket FROM repositories WHERE id = repository) != "
        "(SELECT bucket FROM blobs WHERE id = blob)",
        _ASTRAY,
    ),
)


def copy_rows(salvage: Salvage, lose: Lose) -> None:
    """Copies each row that can be read, but for the keys that are doomed."""
    for table in _COPIED:
        is_passing = table in _PASSING
        if not salvage.copy(table, complete=not is_passing) and not is_passing:
            lose(f"a part of the table {table.name} cannot be read")
    salvage.new.execute(_OLDER_PLACE)


def drop_wrong_rows(new: Connection, lose: Lose) -> None:
    """Deletes the rows that point at one which is lost, or into another repository or bucket."""
    for table, condition, text in _WRONG:
        count = new.execute(f"DELETE FROM {table} WHERE {condition}").rowcount  # noqa: S608
        if count:
            lose(f"{count} of {table}, {text}")


def enter_references(new: Connection, lose: Lose) -> None:
    """Enters what each manifest names; deletes those that are not what was pushed."""
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
    of_manifest = {"manifest": row["id"], "repository": row["repository"]}
    for digest in references.blobs:
        insert(new, "manifest_blobs", {**of_manifest, "digest": digest})
    for digest in references.children:
        insert(new, "manifest_children", {"parent": row["id"], "digest": digest})
    for subject in references.subject:
        of_subject = {"subject": subject, "artifact_type": manifest.artifact_type, "digest": row["digest"]}
        descriptor = format_referrer(manifest, row["digest"], len(row["data"]))
        insert(new, "referrers", {**of_manifest, **of_subject, "descriptor": descriptor})
