"""Access to a registry: the image that `doctor` examines in it, the account, and the emulator behind it."""

import re
from dataclasses import dataclass

from docker_credential_gcr.helper import registries

# https://distribution.github.io/distribution/spec/api/#overview
COMPONENT = re.compile(r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*")
MAX_SIZE = 255


@dataclass(frozen=True)
class RegistryAccess:
    """A registry, a repository in it, and the account, with its key file, that asks for the repository."""

    registry: str
    repository: str | None = None
    account: str | None = None
    key_path: str | None = None
    scheme: str = "http"  # of an emulator
    server: str | None = None  # the URL of the emulator that answers for Google's names in `gcr-emulator run`

    @property
    def emulator_url(self) -> str:
        """Returns the root URL of the emulator."""
        return self.server or f"{self.scheme}://{self.registry}"

    @property
    def has_emulator(self) -> bool:
        """Returns whether the commands of an emulator change what the registry allows."""
        return self.is_emulated or self.server is not None

    @property
    def is_emulated(self) -> bool:
        """Returns whether the registry is an emulator on loopback."""
        return registries.is_loopback(self.registry)

    @property
    def site(self) -> str:
        """Returns the registry that answers: a path of an emulator may begin with a Google host."""
        first = (self.repository or "").partition("/")[0]
        return first if self.is_emulated and registries.is_google(first) else self.registry

    @property
    def path(self) -> str:
        """Returns the repository without the site before it."""
        return (self.repository or "").removeprefix(f"{self.site}/")

    @property
    def project(self) -> str:
        """Returns the image's project. https://cloud.google.com/container-registry/docs/overview"""
        first, _, rest = (self.path or "PROJECT").partition("/")
        return f"{first}:{rest.partition('/')[0]}" if "." in first else first

    @property
    def is_artifact_registry(self) -> bool:
        """Returns whether images are in repositories that have to be created before a push."""
        return self.site.endswith("pkg.dev")

    @property
    def artifact_repository(self) -> str:
        """Returns the path of the image's repository of Artifact Registry, as a client asks for it."""
        components = self.path.split("/")
        before = "" if self.site == self.registry else f"{self.site}/"
        return before + "/".join(components[: 3 if "." in components[0] else 2])

    def find_name_fault(self) -> str | None:
        """Returns why the name cannot be a repository, with the right form; None where it can."""
        if self.repository is None:
            return None
        fault = _find_name_fault(self.path, is_artifact_registry=self.is_artifact_registry)
        if fault is None:
            return None
        before = self.registry if self.site == self.registry else f"{self.registry}/{self.site}"
        return f"{self.repository!r} cannot be a repository: {fault[0]}: write {before}/{fault[1]}"


def _find_name_fault(name: str, *, is_artifact_registry: bool) -> tuple[str, str] | None:
    """Returns why a repository cannot have this name, and the name that was likely meant; None if it can."""
    form = ("PROJECT", "REPOSITORY", "IMAGE") if is_artifact_registry else ("PROJECT", "IMAGE")
    components = name.split("/")
    if name != name.lower():
        return "upper case is not allowed", name.lower()
    if len(name) > MAX_SIZE:
        return f"it is longer than {MAX_SIZE} characters", "/".join(form)
    wrong = next((part for part in components if not COMPONENT.fullmatch(part)), None)
    if wrong is not None:
        return f"{wrong!r} is more than a-z and 0-9 with single separators", "/".join(form)
    domain = components[:1] if "." in components[0] else []  # of a project such as example.com/my-project
    rest = components[len(domain) :]
    if len(rest) < len(form):
        likely = (*domain, *rest[:-1], *form[max(0, len(rest) - 1) : -1], *(rest[-1:] or form[-1:]))
        return f"it is not {'/'.join(form)}", "/".join(likely)
    return None
