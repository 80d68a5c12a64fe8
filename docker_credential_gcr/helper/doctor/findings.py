"""Findings of `doctor`: a check, its state, and the command that mends a fault."""

from dataclasses import dataclass

from docker_credential_gcr.errors import format_line
from docker_credential_gcr.helper.configure.environment import Problem

OK = "ok"
WARNING = "warning"  # it affects some clients, or occurs in some cases
FAULT = "fault"  # docker gets no image, or only by luck


@dataclass(frozen=True)
class Finding:
    """The result of one check of a registry, or of the machine (None), and the command that mends a fault."""

    check: str
    state: str
    text: str
    command: str | None = None
    registry: str | None = None

    def __post_init__(self) -> None:
        # A text may quote a server or a file, and a terminal executes control characters.
        object.__setattr__(self, "text", format_line(self.text))


def from_problem(problem: Problem, registry: str | None = None) -> Finding:
    """Creates the finding for a problem."""
    state = FAULT if problem.is_fatal else WARNING
    return Finding(problem.name, state, problem.text, problem.command, registry)


def to_document(findings: list[Finding]) -> dict[str, object]:
    """Returns the findings as a JSON object, in the form of docs/schemas/doctor.json."""
    is_ok = not any(finding.state == FAULT for finding in findings)
    return {"ok": is_ok, "findings": [vars(finding) for finding in findings]}
