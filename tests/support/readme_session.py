"""README's terminal session, and its comparison with a session that a test records."""

import re
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from support.checkout import README

# Values that differ in each session: digests, keys, layers, ports, times, sizes, tokens, paths, and column
# widths.
_MASKS = (
    (r"sha256:[0-9a-f]{64}", "DIGEST"),
    (r"\b[0-9a-f]{40}\b", "KEY"),
    (r"\b[0-9a-f]{12}\b", "LAYER"),
    (r"localhost:[0-9]+", "localhost:PORT"),
    (r"\b[0-9]+ min left", "N min left"),
    (r"size: [0-9]+", "size: N"),
    (r"ya29\.[^\"]+", "TOKEN"),
    (r"file:/\S+/", "file:/PATH/"),
    (r" {2,}", "  "),
)


class Step(NamedTuple):
    """A typed command and its output."""

    command: str
    output: str

    @property
    def needs_docker(self) -> bool:
        """Returns whether the command needs Docker's engine."""
        return re.search(r"(^|[|&] )docker ", self.command) is not None


def read_session(registry: str) -> list[Step]:
    """Returns README's session, with that registry's address in its commands."""
    text = README.read_text(encoding="utf-8")
    (block,) = re.findall(r"^```console\n(\$ gcr-emulator project create .*?)^```$", text, re.M | re.S)
    steps = []
    for part in re.split(r"^\$ ", block, flags=re.M)[1:]:
        command, _, output = part.partition("\n")
        steps.append(Step(command.replace("localhost:5000", registry), output))
    return steps


def record(steps: Sequence[Step], environ: Mapping[str, str], place: Path) -> list[Step]:
    """Runs the commands; returns them with their present output."""

    def run(command: str) -> str:
        return subprocess.run(
            ["sh", "-c", command],
            env=environ,
            cwd=place,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=120,
            check=False,
        ).stdout

    return [Step(step.command, run(step.command)) for step in steps]


def mask(steps: Sequence[Step]) -> list[str]:
    """Returns the session as text, with placeholders for values that differ each time."""
    lines = []
    for step in steps:
        text = f"$ {step.command}\n{step.output.rstrip()}"
        for pattern, word in _MASKS:
            text = re.sub(pattern, word, text)
        lines.append(text)
    return lines
