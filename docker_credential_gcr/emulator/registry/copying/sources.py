"""Sources of copies: the names of Container Registry whose images a repository of Artifact Registry gets."""

from docker_credential_gcr.emulator.oci.errors import InvalidName
from docker_credential_gcr.emulator.sites.hosts import REDIRECTED, REGISTRIES, Target, locate_folder

# The source of a repository that is named like its host.
_SAME = "same"
_EXAMPLE = "such as gcr.io/my-project"


def find_source(target: Target) -> Target | None:
    """Returns the name of Container Registry that became this target; None if the target has no such name."""
    host = target.repository_id or ""
    became = REDIRECTED.get(host)
    if became is None or became.location != target.site.location:
        return None
    return _move(target, host, target.project_id)


def parse_source(text: str, target: Target) -> Target:
    """Returns the source of the target that a client names, `same` or HOST/PROJECT. Raises InvalidName."""
    if target.repository_id is None:
        raise InvalidName(
            f"the images of {target.name!r} are in Container Registry: copy them to another name"
        )
    if text == _SAME:
        source = find_source(target)
        if source is None:
            raise InvalidName(f"no registry host has the images of this repository: name one, {_EXAMPLE}")
        return source
    host, _, project = text.partition("/")
    # gcloud writes example.com:my-project.
    owner = locate_folder(host, project.replace(":", "/")) if host in REGISTRIES else None
    if owner is None or not owner.is_place:
        raise InvalidName(
            f"invalid source of a copy {text[:300]!r}: expected {_SAME}, or a host and project, {_EXAMPLE}"
        )
    return _move(target, host, owner.project_id)


def _move(target: Target, host: str, project_id: str) -> Target:
    """Returns the same image of a project at a host of Container Registry."""
    place, owner = f"{_format(target.project_id)}/{target.repository_id}", _format(project_id)
    path = f"{owner}{target.path.removeprefix(place)}"
    return Target(REGISTRIES[host], path, path, project_id, None, target.is_place)


def _format(project_id: str) -> str:
    """Returns the project as it is in paths: example.com/my-project."""
    return project_id.replace(":", "/")
