"""An upload as this process knows it, without asking the database."""

from typing import NamedTuple

from docker_credential_gcr.emulator.hosts import Target
from docker_credential_gcr.emulator.records.repositories import Repository
from docker_credential_gcr.emulator.records.uploads import Upload


class KnownUpload(NamedTuple):
    """An upload that goes on at a location."""

    location: str
    repository: Repository
    upload: Upload

    def is_for(self, target: Target, owner: str, since: float) -> bool:
        """Whether it is the member's, to that repository, and began after that instant."""
        place = (self.repository.bucket.name, self.repository.name, self.upload.owner)
        return place == (target.bucket, target.path, owner) and self.upload.began_at >= since
