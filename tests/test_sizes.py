"""Sizes of folders, modules and functions: limits, so that each can be read at once."""

from pathlib import Path

import pytest
from support.checkout import ROOT
from support.source_tree import PACKAGE_ROOT, count_lines, find_functions, find_modules, parse

MODULES_OF_A_FOLDER = 20
# Folders that later features will add to.
NARROW = {"emulator/registry": 16, "emulator/cli": 16}
LINES_OF_A_MODULE = 300
LINES_OF_A_FUNCTION = 31
LINES_OF_A_TEST = 500


def test_no_folder_has_more_modules_than_a_reader_can_keep_in_mind() -> None:
    assert find_crowded_folders(PACKAGE_ROOT) == []


def test_no_module_is_longer_than_its_purpose() -> None:
    assert find_long_modules(PACKAGE_ROOT, LINES_OF_A_MODULE) == []


def test_no_function_is_longer_than_a_screen() -> None:
    assert find_long_functions(PACKAGE_ROOT) == []


def test_no_file_of_tests_is_longer_than_its_subject() -> None:
    if not (ROOT / "setup.cfg").exists():
        pytest.skip("only a checkout has all tests: run these tests in one")
    assert find_long_modules(ROOT / "tests", LINES_OF_A_TEST) == []


def test_the_walk_sees_what_is_too_large(tmp_path: Path) -> None:
    folder = tmp_path / "emulator" / "registry"
    folder.mkdir(parents=True)
    for number in range(MODULES_OF_A_FOLDER + 1):
        (tmp_path / f"module_{number}.py").write_text("")
    for number in range(NARROW["emulator/registry"] + 1):
        (folder / f"module_{number}.py").write_text("")
    body = "    pass\n" * LINES_OF_A_FUNCTION
    (tmp_path / "module_0.py").write_text(f'class A:\n  def f(self):\n    """Fits.\n    """\n{body}')
    inner = body.replace("    ", "        ")
    (tmp_path / "module_1.py").write_text(f"def f():\n    async def g():\n{inner}    return g\n")
    (folder / "module_0.py").write_text("\n" * (LINES_OF_A_MODULE + 1))

    assert find_crowded_folders(tmp_path) == ["21 in ., at most 20", "17 in emulator/registry, at most 16"]
    assert find_long_modules(tmp_path, LINES_OF_A_MODULE) == ["301 lines in emulator/registry/module_0.py"]
    assert find_long_functions(tmp_path) == ["33 lines in module_1.f"]


def find_crowded_folders(root: Path) -> list[str]:
    """Returns the folders with too many modules, in words; those inside of a narrow one are narrow too."""
    found = []
    for folder in sorted({path.parent for path in find_modules(root).values()}):
        name = folder.relative_to(root).as_posix()
        count = len(list(folder.glob("*.py")))
        limits = [limit for part, limit in NARROW.items() if f"{name}/".startswith(f"{part}/")]
        limit = min(limits, default=MODULES_OF_A_FOLDER)
        if count > limit:
            found.append(f"{count} in {name}, at most {limit}")
    return found


def find_long_modules(root: Path, limit: int) -> list[str]:
    """Returns the files with more lines than the limit, in words."""
    lengths = {path: len(path.read_text("utf-8").splitlines()) for path in find_modules(root).values()}
    return [
        f"{length} lines in {path.relative_to(root).as_posix()}"
        for path, length in lengths.items()
        if length > limit
    ]


def find_long_functions(root: Path) -> list[str]:
    """Returns the functions whose body is too long, in words."""
    return [
        f"{length} lines in {name}.{function.name}"
        for name, path in find_modules(root).items()
        for function in find_functions(parse(path))
        if (length := count_lines(function)) > LINES_OF_A_FUNCTION
    ]
