"""What `doctor` finds: a check, how it went, and the command that mends it."""

from dataclasses import dataclass

from docker_credential_gcr.errors import format_line
from docker_credential_gcr.helper.configure.environment import Problem

OK = "ok"
WARNING = "warning"  # it hinders some clients, or in some cases
FAULT = "fault"  # docker gets no image, or only by luck


@dataclass(frozen=True)
class Finding:
    """One check of one registry, or of the machine (None); the command mends it, if one here does."""

    check: str
    state: str
    text: str
    command: str | None = None
    registry: str | None = None

    def __post_init__(self) -> None:
        # A text may quote a server or a file, and a terminal obeys control characters.
        object.__setattr__(self, "text", format_line(self.text))


def from_problem(problem: Problem, registry: str | None = None) -> Finding:
    """The finding that an obstacle is."""
    state = FAULT if problem.is_fatal else WARNING
    return Finding(problem.name, state, problem.text, problem.command, registry)


def to_document(findings: list[Finding]) -> dict[str, object]:
    """The findings as a JSON object; docs/schemas/doctor.json says of what form."""
    is_ok = not any(finding.state == FAULT for finding in findings)
    return {"ok": is_ok, "findings": [vars(finding) for finding in findings]}
