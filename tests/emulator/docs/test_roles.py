"""docs/roles.md tells the truth: its table of roles is that of the code."""

from support.checkout import DOCS
from support.pages import read_table

from docker_credential_gcr.emulator.identity.roles import ROLES

PAGE = (DOCS / "roles.md").read_text("utf-8")
# The permissions that each column of the table promises.
COLUMNS = [
    {"storage.objects.get"},
    {"storage.buckets.get", "storage.objects.create"},
    {"storage.buckets.get", "storage.objects.create", "storage.buckets.create"},
    {"artifactregistry.repositories.downloadArtifacts"},
    {"artifactregistry.repositories.uploadArtifacts"},
    {"artifactregistry.repositories.deleteArtifacts"},
    {"iam.serviceAccounts.create", "iam.serviceAccountKeys.create"},
    {"resourcemanager.projects.setIamPolicy"},
]


def test_every_role_is_listed_with_its_permissions() -> None:
    listed = {role: [cell == "yes" for cell in cells] for role, *cells in read_table(PAGE, "role")}

    assert listed == {
        role: [column <= permissions for column in COLUMNS] for role, permissions in ROLES.items()
    }
