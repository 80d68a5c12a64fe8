"""Compares the objects of a store with the rows that name them, without the product's own functions.

It may run next to servers: a difference counts only if it is still there when it is looked at again. A key
is entered in `doomed` before its first byte is written, and no name is used twice. So an object that was
there before and after the rows were read was there meanwhile.
"""

import json
from typing import Any, NamedTuple

import psycopg
from obstore.store import S3Store
from support.servers.seaweedfs import ACCESS_KEY, SECRET_KEY

from .deployment import Deployment


class Rows(NamedTuple):
    """The keys that the database names."""

    of_blobs: set[str]
    of_uploads: set[str]
    doomed: set[str]


def open_bucket(deployment: Deployment) -> S3Store:
    """Returns the bucket, as an administrator's client sees it."""
    return S3Store(
        deployment.bucket,
        access_key_id=ACCESS_KEY,
        secret_access_key=SECRET_KEY,
        region="us-east-1",
        endpoint=deployment.seaweedfs.url,
        client_options={"allow_http": True},
    )


def list_objects(deployment: Deployment) -> set[str]:
    """Returns the keys of all objects."""
    pages = open_bucket(deployment).list()
    return {item["path"] for page in pages for item in page}


def read_rows(deployment: Deployment) -> Rows:
    """Returns the keys in all rows, of one moment."""
    with psycopg.connect(deployment.database) as connection:
        connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        return Rows(
            _list_pieces(connection, "SELECT pieces FROM blobs WHERE pieces IS NOT NULL"),
            _list_pieces(connection, "SELECT pieces FROM uploads WHERE pieces IS NOT NULL"),
            {key for (key,) in connection.execute("SELECT key FROM doomed")},
        )


def _list_pieces(connection: "psycopg.Connection[Any]", query: str) -> set[str]:
    return {key for (text,) in connection.execute(query).fetchall() for key, _ in json.loads(text)}  # type: ignore[call-overload]


def find_differences(deployment: Deployment) -> list[str]:
    """Returns objects that no row names, rows whose object is missing, and needed keys that are doomed."""
    objects, rows = list_objects(deployment), read_rows(deployment)
    needed = rows.of_blobs | rows.of_uploads
    # The list alone does not tell: SeaweedFS lists no object of a folder that it deleted as empty while the
    # object was written, until it restores the folder. https://github.com/seaweedfs/seaweedfs/issues/10779
    missing = {key for key in needed - objects if not is_there(deployment, key)}
    again = read_rows(deployment)
    still_needed = again.of_blobs | again.of_uploads
    unnamed = objects - needed - rows.doomed - still_needed - again.doomed
    return [
        *(f"no row names {key}" for key in sorted(unnamed) if is_there(deployment, key)),
        *(f"no object has {key}" for key in sorted(missing & still_needed)),
        *(f"doomed, and needed: {key}" for key in sorted(needed & rows.doomed)),
    ]


def is_there(deployment: Deployment, key: str) -> bool:
    """Returns whether the store has an object."""
    try:
        open_bucket(deployment).head(key)
    except FileNotFoundError:
        return False
    return True
