"""The pages that tell how the project is used, and the blocks of code in them."""

import re
import shlex
from pathlib import Path

from support.checkout import DOCS, README, ROOT

PAGES = [
    README,
    ROOT / "CONTRIBUTING.md",
    ROOT / "SECURITY.md",
    ROOT / "examples" / "README.md",
    *sorted(DOCS.glob("*.md")),
]


def name_page(page: Path) -> str:
    """The page's path in the checkout, for names of tests."""
    return str(page.relative_to(ROOT))


def read_blocks(page: Path, language: str) -> list[str]:
    """The page's blocks in that language, in order."""
    text = page.read_text("utf-8")
    return [
        re.sub(rf"^{found[1]}", "", found[2], flags=re.MULTILINE)
        for found in re.finditer(rf"^( *)```{language}\n(.*?)^ *```$", text, re.MULTILINE | re.DOTALL)
    ]


def read_commands(page: Path) -> list[str]:
    """The commands of the `console` blocks: a line after `$ `, and those that its quotes or a \\ add."""
    commands: list[str] = []
    for block in read_blocks(page, "console"):
        command = ""
        for line in block.splitlines():
            if command or line.startswith("$ "):
                command += line.removeprefix("$ ") if not command else f"\n{line}"
                if is_whole(command):
                    commands.append(command)
                    command = ""
    return commands


def is_whole(command: str) -> bool:
    """Whether the command ends where the text does."""
    try:
        shlex.split(command, comments=True)
    except ValueError:  # a quote is open, or a backslash is last
        return False
    return True
