"""README, docs/ and the other pages for users: their text, blocks of code and tables."""

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
    """Returns the page's path in the checkout, for names of tests."""
    return str(page.relative_to(ROOT))


def read_blocks(page: Path, language: str) -> list[str]:
    """Returns the page's blocks in that language, in order."""
    return find_blocks(page.read_text("utf-8"), language)


def find_blocks(text: str, language: str) -> list[str]:
    """Returns the blocks of a text in that language, in order."""
    return [
        re.sub(rf"^{found[1]}", "", found[2], flags=re.MULTILINE)
        for found in re.finditer(rf"^( *)```{language}\n(.*?)^ *```$", text, re.MULTILINE | re.DOTALL)
    ]


def read_table(text: str, heading: str) -> list[list[str]]:
    """Returns the cells of the table whose first column has that heading; code without its backticks."""
    table = text.partition(f"\n| {heading} |")[2].partition("\n\n")[0].splitlines()[2:]
    rows = [[cell.strip() for cell in line.strip().strip("|").split("|")] for line in table]
    return [[re.sub(r"^`([^`]*)`$", r"\1", cell) for cell in row] for row in rows]


def read_commands(page: Path) -> list[str]:
    """Returns the commands of the `console` blocks: a line after `$ `, with the lines that continue it."""
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
    """Returns whether the command ends where the text does."""
    try:
        shlex.split(command, comments=True)
    except ValueError:  # a quote is open, or a backslash is last
        return False
    return True
