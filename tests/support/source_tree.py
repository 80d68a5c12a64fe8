"""Source files of the project as syntax trees: for tests that hold the code itself to a rule."""

import ast
from collections.abc import Iterator
from pathlib import Path

import docker_credential_gcr

PACKAGE = docker_credential_gcr.__name__
PACKAGE_ROOT = Path(docker_credential_gcr.__file__).parent

Function = ast.FunctionDef | ast.AsyncFunctionDef


def find_modules(root: Path = PACKAGE_ROOT) -> dict[str, Path]:
    """Returns the files of the modules below a package by their dotted names; a package's own is __init__."""
    return {
        ".".join(path.relative_to(root).with_suffix("").parts): path for path in sorted(root.rglob("*.py"))
    }


def parse(path: Path) -> ast.Module:
    """Parses a file of Python."""
    return ast.parse(path.read_text("utf-8"))


def find_functions(tree: ast.AST) -> Iterator[Function]:
    """Yields each function and method, those inside of others too."""
    for node in ast.walk(tree):
        if isinstance(node, Function):
            yield node


def count_lines(function: Function) -> int:
    """Returns how many lines the body has, from its first statement after the docstring to its last."""
    body = function.body[1:] if ast.get_docstring(function) else function.body
    return (body[-1].end_lineno or 0) - body[0].lineno + 1 if body else 0
