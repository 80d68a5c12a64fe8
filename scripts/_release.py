"""What a release is made of: sdist, wheel, bill of materials and checksums, the same bytes each time."""

import argparse
import hashlib
import shutil
import sys
from pathlib import Path

from _bill_of_materials import write_bill
from _environment import CHECKOUT, Failed, build_distributions, workplace


def main(arguments: list[str]) -> int:
    """Build into a directory, which gets nothing when a step fails."""
    parser = argparse.ArgumentParser(prog="scripts/build", description=__doc__)
    parser.add_argument("directory", nargs="?", type=Path, default=CHECKOUT / "dist", help="default: dist")
    options = parser.parse_args(arguments)
    try:
        with workplace() as work:
            sdist, wheel = build_distributions(work)
            bill = write_bill(work, wheel)
            _place([sdist, wheel, bill], options.directory)
    except Failed as failure:
        print(f"failed: {failure}", file=sys.stderr)
        return 1
    return 0


def _place(files: list[Path], directory: Path) -> None:
    directory.mkdir(parents=True, exist_ok=True)
    lines = [f"{hashlib.sha256(file.read_bytes()).hexdigest()}  {file.name}\n" for file in files]
    for file in files:
        shutil.copyfile(file, directory / file.name)
    (directory / "SHA256SUMS").write_text("".join(lines), encoding="ascii")
    print("".join(lines), end="")
