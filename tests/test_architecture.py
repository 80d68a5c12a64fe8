"""docs/architecture.md names each folder of the package, and no path that does not exist."""

import re

from support.checkout import DOCS, ROOT
from support.source_tree import PACKAGE_ROOT, find_modules

PAGE = (DOCS / "architecture.md").read_text("utf-8")
# Of the rest of a page, the backquoted words that look like a file or a folder.
PATHS = re.findall(r"`((?:[a-z_]+/)+[a-z_]*(?:\.py)?|[a-z_/]+\.py)`", PAGE)


def test_each_path_on_the_page_exists() -> None:
    files = {path.name for path in find_modules().values()}
    roots = (PACKAGE_ROOT, ROOT)
    # A file without its folder is in one that the same sentence names.
    assert [p for p in PATHS if p not in files and not any((root / p).exists() for root in roots)] == []


def test_the_page_names_each_folder_of_the_package() -> None:
    folders = {path.parent.relative_to(PACKAGE_ROOT).as_posix() for path in find_modules().values()} - {"."}
    named = {path.rstrip("/") for path in re.findall(r"`([a-z_/0-9]+)`", PAGE)}
    parts = {name for path in named for name in (path, *(f"{folder}/{path}" for folder in folders))}

    assert folders - parts == set()
