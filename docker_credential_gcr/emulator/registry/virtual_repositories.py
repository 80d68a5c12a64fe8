"""Virtual repositories of Artifact Registry: where their images are.

A name in one means the same image in each upstream repository. The one with the greatest priority that has
the tag, the digest or the blob answers, to each client that may read the virtual repository. An upstream in
another project is read with the rights of the service agent.
https://cloud.google.com/artifact-registry/docs/repositories/virtual-overview
"""

from dataclasses import replace

from sqlalchemy import Connection

from docker_credential_gcr.emulator.database.projects import artifact_repositories, policies, projects
from docker_credential_gcr.emulator.database.projects.artifact_repositories import ArtifactRepository
from docker_credential_gcr.emulator.identity.authorization import decide
from docker_credential_gcr.emulator.identity.google_services import AGENTS, ARTIFACT_REGISTRY
from docker_credential_gcr.emulator.identity.principal import CLOUD_PLATFORM, Principal
from docker_credential_gcr.emulator.identity.resource import describe_repository
from docker_credential_gcr.emulator.sites.hosts import Target

_READ = "artifactregistry.repositories.downloadArtifacts"


def list_members(connection: Connection, target: Target, virtual: ArtifactRepository) -> list[Target]:
    """Returns the places of the target's image in standard repositories, the greatest priority first.

    An upstream that was deleted, or that the service agent may not read, is left out.
    """
    standard: list[ArtifactRepository] = []
    _collect(connection, virtual, standard, {virtual.name})
    return [_locate(target, repository) for repository in standard]


def _collect(
    connection: Connection, virtual: ArtifactRepository, standard: list[ArtifactRepository], seen: set[str]
) -> None:
    """Adds the standard repositories below a virtual one; `seen` are the names that were visited."""
    for name in virtual.upstreams:
        if name in seen:
            continue
        seen.add(name)
        found = artifact_repositories.find_named(connection, name)
        if found is None or not _is_open_to(connection, virtual, found):
            continue
        if found.is_virtual:
            _collect(connection, found, standard, seen)
        else:
            standard.append(found)


def _is_open_to(connection: Connection, virtual: ArtifactRepository, upstream: ArtifactRepository) -> bool:
    if upstream.project_id == virtual.project_id:
        return True
    project = projects.find(connection, virtual.project_id)
    if project is None:
        return False
    member = AGENTS[ARTIFACT_REGISTRY].format_member(project.number)
    agent = Principal(member, frozenset({CLOUD_PLATFORM}), None)
    resource = describe_repository(upstream.project_id, upstream.location, upstream.repository_id)
    names = (f"projects/{upstream.project_id}", upstream.name)
    in_force = [policies.find(connection, name) for name in names]
    return decide(agent, in_force, _READ, resource).allowed


def _locate(target: Target, repository: ArtifactRepository) -> Target:
    """Returns the target in another repository of the location; its name stays the client's."""
    owner = f"{target.project_id.replace(':', '/')}/{target.repository_id}"
    rest = target.path.removeprefix(owner)
    path = f"{repository.project_id.replace(':', '/')}/{repository.repository_id}{rest}"
    return replace(
        target, path=path, project_id=repository.project_id, repository_id=repository.repository_id
    )
