"""A collection that removes nothing: the same code, on a copy of the rows."""

import contextlib
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from docker_credential_gcr.emulator.blobs.filesystem import BlobFiles
from docker_credential_gcr.emulator.records import snapshot
from docker_credential_gcr.emulator.records.database import Database

from .collection import Collected, Collection, Rules


class UntouchedFiles(BlobFiles):
    """The files of a data directory, of which none is ever removed."""

    def remove(self, bucket: str, digest: str, *, is_needed: Callable[[], bool]) -> bool:
        """Whether the file would be removed."""
        return self.path(bucket, digest).is_file() and not is_needed()

    def discard_upload(self, upload_id: str) -> None:
        """Nothing."""

    @contextlib.contextmanager
    def collecting(self) -> Iterator[None]:
        """A rehearsal disturbs no collection."""
        yield


def rehearse(database_path: Path, root: Path, rules: Rules) -> Collected:
    """What a collection would remove; blocks on the disk. The copy holds no bytes of blobs."""
    with tempfile.TemporaryDirectory(prefix="gcr-emulator-") as folder:
        path = Path(folder) / "emulator.db"
        Database(path).close()
        snapshot.save_outline(database_path, path)
        with contextlib.closing(Database(path)) as database:
            return Collection(database, UntouchedFiles(root), rules).run()
