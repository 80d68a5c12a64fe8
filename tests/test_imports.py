"""Import rules: the table of docs/architecture.md as data, held against every import in the package."""

import ast
import shutil
import sys
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

from support.checkout import DOCS
from support.source_tree import PACKAGE, PACKAGE_ROOT, find_modules, parse

# What a cached `get` loads. At module level these import each other and CHEAP, nothing else.
HOT = {
    "__init__",
    "__main__",
    "errors",
    "helper.__init__",
    "helper.config",
    "helper.credential_store.__init__",
    "helper.credential_store.entries",
    "helper.keychain",
    "helper.paths",
    "helper.protocol",
    "helper.registries",
    "helper.token_sources.__init__",
    "helper.token_sources.credential_file",
    "helper.token_sources.docker_login",
    "helper.token_sources.env",
    "helper.token_sources.gcloud",
    "helper.token_sources.impersonated",
    "helper.token_sources.key_file",
    "helper.token_sources.metadata",
    "helper.token_sources.token_file",
    "helper.tokens.__init__",
    "helper.tokens.cache",
    "helper.wire",
}
# Each costs less than half a millisecond over bare Python.
CHEAP = {"_blake2", "_json", "errno", "fcntl", "os", "sys", "time"}

# Names for several parts. LEAVES belong to neither product, and import nothing of the package. A SITE of the
# emulator gets everything else from app.py.
GROUPS = {
    "LEAVES": "connection_causes deadline errors files locations",
    "VALUES": "emulator.identity emulator.oci emulator.runtime emulator.sites",
    "CONTEXT": "emulator.gce_instance emulator.request_context emulator.settings",
}
# Parts of the package, the parts that they may import in addition to themselves, and the distributions. The
# longest part that matches a module counts. All may import the standard library (the modules of a cached
# `get`: CHEAP), and the package itself, which has the version.
TABLE = [
    ("__init__", "errors helper library requests_auth", ""),
    ("__main__", "errors helper cli", ""),
    ("LEAVES", "", ""),
    ("helper", "LEAVES", "certifi cryptography google keyring requests"),
    ("commands", "errors", "click"),
    ("cli", "LEAVES commands helper", "click"),
    ("kubelet library", "errors helper", ""),
    ("requests_auth", "errors helper library", "requests"),
    ("keyring_backend", "errors helper library", "keyring"),
    ("pytest_controls", "", "requests"),
    ("pytest_plugin", "VALUES pytest_controls .extra .server .settings", "cryptography pytest requests"),
    (".__init__ .extra .request_context .runtime", "", ""),
    (".oci", ".runtime", ""),
    (".identity", ".oci .runtime", "cryptography jwt"),
    (".sites", ".identity .oci .runtime locations", ""),
    (".gce_instance .settings .next_steps", ".gce_instance .identity .settings", ""),
    (".data_layout", ".runtime", ""),
    (".key_files", ".runtime files", ""),
    (".operator_token", ".runtime errors", ""),
    (".data_directory", ".data_layout .identity .key_files .operator_token .runtime files", "filelock"),
    (".shared_keys", ".data_directory .identity .key_files .runtime", ""),
    (".database", ".identity .oci .runtime", "alembic psycopg sqlalchemy"),
    (".storage", ".oci .runtime", "obstore"),
    (".outgoing", "VALUES CONTEXT", "certifi"),
    (".upstream", "VALUES CONTEXT .outgoing", "aiohttp yarl"),
    (".registry", "VALUES CONTEXT .database .storage", "sqlalchemy"),
    (".google", "VALUES CONTEXT .database .outgoing .storage", "google_crc32c jinja2 sqlalchemy starlette"),
    (".control", "VALUES CONTEXT .database .outgoing .storage", "sqlalchemy starlette"),
    (".events", "VALUES CONTEXT .database .outgoing", "sqlalchemy"),
    (".maintenance", "VALUES CONTEXT .database .storage files", "sqlalchemy"),
    (".telemetry", "VALUES CONTEXT", "prometheus_client"),
    (".middleware", "VALUES CONTEXT .next_steps .telemetry", ""),
    (".stores", ".database .maintenance .settings .storage", ""),
    (".refusals", "VALUES .control .google .registry", ""),
    (".notifications", "VALUES CONTEXT .database .events .google .outgoing .telemetry", "sqlalchemy"),
    (
        ".app",
        "VALUES CONTEXT .database .storage .registry .google .control .events .maintenance .middleware "
        ".notifications .outgoing .telemetry .data_directory .extra .key_files .refusals .shared_keys "
        ".stores",
        "starlette",
    ),
    (".client", "LEAVES VALUES .next_steps .settings", "requests"),
    (
        ".server",
        "VALUES .app .client .data_directory .key_files .next_steps .settings .shared_keys .stores "
        ".telemetry files",
        "cryptography granian uvloop",
    ),
    (".sandbox", "VALUES .client .server .settings errors", ""),
    (".cli", "LEAVES VALUES commands .client .extra .gce_instance .next_steps .settings", "click"),
    (
        ".cli.server",
        "LEAVES VALUES commands .cli .client .gce_instance .operator_token .outgoing .sandbox .server "
        ".settings",
        "click cryptography",
    ),
    (
        ".cli.maintenance",
        "VALUES .cli .client .data_directory .database .maintenance .settings .storage",
        "click rich",
    ),
]

# The parts that may know SQLite, and why.
KNOWS_SQLITE = {
    "emulator.database.engine": "it is where SQLite is known",
}
SQLITE_MODULES = ("sqlite3", "sqlalchemy.dialects")


@dataclass(frozen=True)
class Row:
    """What a part may import: other parts of the package, and distributions."""

    parts: frozenset[str]
    distributions: frozenset[str]


@dataclass(frozen=True)
class Import:
    """One import of one module; `deferred` when it runs in a function only, or for types alone."""

    module: str
    target: str
    deferred: bool
    line: int

    def __str__(self) -> str:
        return f"{self.module}:{self.line} imports {self.target}"


def expand(names: str) -> Iterator[str]:
    """Yields the parts of a cell; a dot at the beginning stands for the emulator."""
    for name in names.split():
        yield from GROUPS[name].split() if name in GROUPS else [name if name[0] != "." else f"emulator{name}"]


ROWS = {
    part: Row(frozenset(expand(parts)), frozenset(distributions.split()))
    for own, parts, distributions in TABLE
    for part in expand(own)
}


def test_every_import_is_in_the_table() -> None:
    assert find_violations(PACKAGE_ROOT) == []


def test_no_row_of_the_table_allows_what_no_module_needs() -> None:
    used: dict[str, set[str]] = {part: set() for part in ROWS}
    for name, imports in list_imports(PACKAGE_ROOT).items():
        targets = (item.target for item in imports)
        used.setdefault(find_part(name) or "", set()).update(target.partition(".")[0] for target in targets)
    unused = {part: sorted(row.distributions - used[part]) for part, row in ROWS.items()}
    assert {part: names for part, names in unused.items() if names} == {}


def test_the_modules_of_a_cached_get_exist() -> None:
    assert HOT - set(find_modules()) == set()


def test_the_children_of_every_folder_import_each_other_in_one_direction() -> None:
    assert find_cycles(PACKAGE_ROOT) == []


def test_the_page_of_the_architecture_has_the_table() -> None:
    page = (DOCS / "architecture.md").read_text("utf-8").splitlines()
    rows = [format_row(*row) for row in TABLE if "_" not in row[0][:1]]

    assert [line for line in page if line in rows] == rows


def format_row(*cells: str) -> str:
    """Returns a row of the table as the page has it: the groups in italics."""
    return f"| {' | '.join(' '.join(map(format_name, cell.split())) for cell in cells)} |"


def format_name(name: str) -> str:
    """Returns a name of a cell as the page has it."""
    return f"*{name.lower()}*" if name in GROUPS else f"`{name}`"


def test_sqlite_is_known_to_the_database_alone() -> None:
    assert find_sqlite(PACKAGE_ROOT) == []
    # A part that knows nothing of it needs no row.
    assert [p for p in KNOWS_SQLITE if not find_sqlite(PACKAGE_ROOT, set(KNOWS_SQLITE) - {p})] == []


def test_the_walk_sees_what_of_sqlite_stands_elsewhere(tmp_path: Path) -> None:
    planted = {
        "emulator/registry/planted.py": "import sqlite3\ndef f(c):\n    c.exec_driver_sql('SELECT 1')\n",
        "emulator/google/planted.py": "from sqlalchemy.dialects.sqlite import insert\n",
        "emulator/planted.py": "from sqlalchemy.dialects import sqlite\nQUERY = f'PRAGMA {1}'\n",
        "emulator/database/engine/planted.py": "import sqlite3\nQUERY = 'PRAGMA data_version'\n",
        "emulator/control/planted.py": '"""No sqlite3."""\nimport sqlalchemy\nNAME = "Pragma: no-cache"\n',
    }
    plant(planted, tmp_path)

    assert find_sqlite(tmp_path) == [
        "emulator.google.planted:1 imports sqlalchemy.dialects.sqlite",
        "emulator.planted:1 imports sqlalchemy.dialects",
        "emulator.planted:2 has a PRAGMA",
        "emulator.registry.planted:1 imports sqlite3",
        "emulator.registry.planted:3 calls exec_driver_sql",
    ]


def test_the_walk_sees_what_the_table_forbids(tmp_path: Path) -> None:
    copy = Path(shutil.copytree(PACKAGE_ROOT, tmp_path / PACKAGE))
    planted = {
        "helper/planted.py": "def f():\n    from ..emulator import app\n",
        "emulator/middleware/planted.py": "from ..registry import app\nimport docker_credential_gcr.helper\n",
        "emulator/oci/planted.py": "from ..database import schema\n",
        "emulator/registry/planted.py": "import json, starlette\nfrom ..google import app\n",
        "helper/wire.py": "import re\nfrom . import planted\n",
        "unknown.py": "import os\n",
    }
    plant(planted, copy)

    assert sorted(set(find_violations(copy)) - set(find_violations(PACKAGE_ROOT))) == [
        "emulator.middleware.planted:1 imports docker_credential_gcr.emulator.registry.app",
        "emulator.middleware.planted:2 imports docker_credential_gcr.helper",
        "emulator.oci.planted:1 imports docker_credential_gcr.emulator.database.schema",
        "emulator.registry.planted:1 imports starlette",
        "emulator.registry.planted:2 imports docker_credential_gcr.emulator.google.app",
        "helper.planted:2 imports docker_credential_gcr.emulator.app",
        "helper.wire:1 imports re, which a cached get cannot afford",
        "helper.wire:2 imports docker_credential_gcr.helper.planted, which a cached get cannot afford",
        "unknown has no row in the table",
    ]


def test_the_walk_sees_a_cycle_wherever_its_imports_stand(tmp_path: Path) -> None:
    planted = {
        "__init__.py": "",
        "a/__init__.py": "",
        "a/deep.py": "def f():\n    from ..b import low\n",
        "b/__init__.py": "",
        "b/low.py": "",
        "b/high.py": "TYPE_CHECKING = False\nif TYPE_CHECKING:\n    from ..a.deep import f\n",
        "c/__init__.py": "from . import one\n",
        "c/one.py": "from . import two\n",
        "c/two.py": "def f():\n    from .one import g\n",
        "d.py": "from . import b\n",
    }
    plant(planted, tmp_path)

    assert find_cycles(tmp_path) == [". has a cycle: a, b", "c has a cycle: one, two"]


def plant(files: dict[str, str], root: Path) -> None:
    """Writes the files below the root."""
    for name, source in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(source)


def find_violations(root: Path) -> list[str]:
    """Returns the imports below the root that the table does not allow, in words."""
    found = []
    for name, imports in list_imports(root).items():
        part = find_part(name)
        if part is None:
            found.append(f"{name} has no row in the table")
            continue
        for item in imports:
            if not is_allowed(item, part):
                found.append(str(item))
            elif name in HOT and not item.deferred and not is_cheap(item):
                found.append(f"{item}, which a cached get cannot afford")
    return found


def find_cycles(root: Path) -> list[str]:
    """Returns the folders whose children, files and subfolders, import each other in a circle.

    A subfolder counts as one. An import of the folder itself, which runs with any import from it, does not.
    """
    imports = [
        (split(name.removesuffix("__init__")), split(item.target))
        for name, items in list_imports(root).items()
        for item in items
        if item.target.startswith(f"{PACKAGE}.")
    ]
    found = []
    for folder in sorted({path.parent.relative_to(root).parts for path in find_modules(root).values()}):
        depth = len(folder)
        pairs = {
            (module[depth], target[depth])
            for module, target in imports
            if module[:depth] == target[:depth] == folder and min(len(module), len(target)) > depth
        }
        cycle = find_cycle(pair for pair in pairs if pair[0] != pair[1])
        if cycle:
            found.append(f"{'/'.join(folder) or '.'} has a cycle: {', '.join(sorted(cycle))}")
    return found


def split(name: str) -> tuple[str, ...]:
    """Returns the segments of a module's name below the package."""
    return tuple(name.removeprefix(f"{PACKAGE}.").strip(".").split("."))


def find_cycle(pairs: Iterable[tuple[str, str]]) -> set[str]:
    """Returns the members of a cycle among the pairs; an empty set without one."""
    sorter: TopologicalSorter[str] = TopologicalSorter()
    for module, target in sorted(pairs):
        sorter.add(module, target)
    try:
        sorter.prepare()
    except CycleError as error:
        return set(error.args[1])
    return set()


def find_sqlite(root: Path, parts: Collection[str] = tuple(KNOWS_SQLITE)) -> list[str]:
    """Returns what is SQLite's in the modules below the root that are in none of the parts, in words."""
    found = []
    for name, path in find_modules(root).items():
        if any(covers(part, name) for part in parts):
            continue
        imports = list_imports(root)[name]
        found += [str(item) for item in imports if any(covers(top, item.target) for top in SQLITE_MODULES)]
        for node in ast.walk(parse(path)):
            if isinstance(node, ast.Attribute) and node.attr == "exec_driver_sql":
                found.append(f"{name}:{node.lineno} calls exec_driver_sql")
            elif isinstance(node, ast.Constant) and "PRAGMA " in str(node.value):
                found.append(f"{name}:{node.lineno} has a PRAGMA")
    return found


def find_part(module: str) -> str | None:
    """Returns the part of the table that a module belongs to."""
    return max((part for part in ROWS if covers(part, module)), key=len, default=None)


def covers(part: str, module: str) -> bool:
    """Returns whether the module is the part, or is in it."""
    return module == part or module.startswith(f"{part}.")


def is_allowed(item: Import, part: str) -> bool:
    """Returns whether the part's row has the import's target."""
    top, _, rest = item.target.partition(".")
    if top != PACKAGE:
        return top in sys.stdlib_module_names or top in ROWS[part].distributions
    # The package itself has the version.
    return rest == "" or any(covers(row, rest) for row in (part, *ROWS[part].parts))


def is_cheap(item: Import) -> bool:
    """Returns whether a cached `get` can afford the import."""
    top, _, rest = item.target.partition(".")
    if top != PACKAGE:
        return top in CHEAP
    return rest in HOT or f"{rest}.__init__".lstrip(".") in HOT


@cache
def list_imports(root: Path) -> dict[str, list[Import]]:
    """Returns the imports of each module below the root."""
    modules = find_modules(root)
    return {name: list(find_imports(name, path, modules)) for name, path in modules.items()}


def find_imports(module: str, path: Path, modules: dict[str, Path]) -> Iterator[Import]:
    """Yields each import statement of the module, wherever it stands."""
    tree = parse(path)
    deferred = {id(inner) for node in ast.walk(tree) if is_deferring(node) for inner in ast.walk(node)}
    for node in ast.walk(tree):
        for target in find_targets(node, module, modules):
            yield Import(module, target, id(node) in deferred, getattr(node, "lineno", 0))


def is_deferring(node: ast.AST) -> bool:
    """Returns whether the node's contents do not run when the module is imported."""
    if isinstance(node, ast.If):
        return isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"
    return isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)


def find_targets(node: ast.AST, module: str, modules: dict[str, Path]) -> Iterator[str]:
    """Yields the absolute names of the modules that an import statement loads."""
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
        parents = [PACKAGE, *module.split(".")][: -node.level] if node.level else []
        base = ".".join([*parents, *([node.module] if node.module else [])])
        for alias in node.names:
            name = f"{base}.{alias.name}".removeprefix(f"{PACKAGE}.")
            is_module = name in modules or f"{name}.__init__" in modules
            yield f"{PACKAGE}.{name}" if is_module else base
