"""Who may import whom: the design's table as data, held against every import in the package."""

import ast
import shutil
import sys
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

import docker_credential_gcr

PACKAGE = "docker_credential_gcr"
ROOT = Path(docker_credential_gcr.__file__).parent

# What a cached `get` loads. At module level these import each other and CHEAP, nothing else.
HOT = {
    "__init__",
    "__main__",
    "errors",
    "helper.__init__",
    "helper.protocol",
    "helper.registries",
    "helper.config",
    "helper.paths",
    "helper.wire",
    "helper.access_token",
    "helper.cache",
    "helper.keychain",
    "helper.logins",
    "helper.token_sources.__init__",
    "helper.token_sources.env",
    "helper.token_sources.gcloud",
    "helper.token_sources.impersonated",
    "helper.token_sources.key_file",
    "helper.token_sources.login",
    "helper.token_sources.metadata",
    "helper.token_sources.store",
    "helper.token_sources.token_file",
}
# Each costs less than half a millisecond over bare Python.
CHEAP = {"_blake2", "_json", "errno", "fcntl", "os", "sys", "time"}

LEAVES = (
    "emulator.cache emulator.capacity emulator.clock emulator.crash_points emulator.current_request "
    "emulator.blocks emulator.deadlines emulator.hosts emulator.locations emulator.machine "
    "emulator.page_size emulator.runtime emulator.settings emulator.site_ports"
)
VALUES = "emulator.identity emulator.oci emulator.strict_json"
SITE = f"{LEAVES} {VALUES} emulator.records emulator.storage"

# part: (the parts which it may import beside itself, the distributions which it may import).
# The longest matching row counts; the standard library is free, but for the hot modules. A row
# that ends in _ is about all the modules whose names begin so.
TABLE = {
    "__init__": ("errors helper library requests_auth", ""),
    "__main__": ("errors helper cli", ""),
    "errors": ("", ""),
    "connection_causes": ("", ""),
    "deadline": ("", ""),
    "files": ("", ""),
    "locations": ("", ""),
    "helper": (
        "connection_causes deadline errors files locations",
        "certifi cryptography google keyring requests",
    ),
    "commands": ("__init__ errors", "click"),
    "cli": ("commands errors files helper", "click rich"),
    "emulator.__init__": ("", ""),
    "emulator.strict_json": ("", ""),
    "emulator.oci": ("emulator.strict_json", ""),
    "emulator.identity": ("emulator.cache emulator.oci emulator.strict_json", "cryptography jwt"),
    "emulator.records": (
        f"{VALUES} emulator.cache emulator.crash_points emulator.database emulator.disk "
        "emulator.private_directory",
        "alembic sqlalchemy",
    ),
    "emulator.database": ("", "sqlalchemy"),
    "emulator.storage": ("emulator.disk emulator.oci emulator.private_directory", ""),
    "emulator.registry": (SITE, "sqlalchemy"),
    "emulator.google": (SITE, "google_crc32c jinja2 sqlalchemy starlette"),
    "emulator.console": (SITE, "sqlalchemy starlette jinja2"),
    "emulator.mirror": (SITE, "sqlalchemy"),
    "emulator.events": (SITE, "sqlalchemy"),
    "emulator.control": (SITE, "sqlalchemy starlette"),
    "emulator.upkeep": (
        f"{SITE} emulator.database emulator.disk emulator.file_access emulator.private_directory files",
        "sqlalchemy",
    ),
    "emulator.telemetry": (f"{LEAVES} emulator.private_directory", "prometheus_client"),
    "emulator.answers": (f"{LEAVES} emulator.connections", ""),
    "emulator.bodies": (LEAVES, ""),
    "emulator.blocks": ("emulator.runtime", ""),
    "emulator.cache": ("", ""),
    "emulator.capacity": ("emulator.database.engine", ""),
    "emulator.clock": ("", ""),
    "emulator.connections": ("", ""),
    "emulator.crash_points": ("", ""),
    "emulator.current_request": ("", ""),
    "emulator.deadlines": ("", ""),
    "emulator.disk": ("", ""),
    "emulator.extra": ("", ""),
    "emulator.file_access": ("", ""),
    "emulator.hosts": ("emulator.identity emulator.oci locations", ""),
    "emulator.locations": ("locations", ""),
    "emulator.server_url": ("", ""),
    "emulator.operations": ("emulator", "sqlalchemy"),
    "emulator.rate_limiter": (LEAVES, ""),
    "emulator.page_size": ("", ""),
    "emulator.runtime": ("", ""),
    "emulator.site_ports": ("emulator.hosts", ""),
    "emulator.machine": ("emulator.identity", ""),
    "emulator.settings": ("emulator.machine", ""),
    "emulator.sites": (f"{LEAVES} emulator.landing_page", ""),
    "emulator.landing_page": ("__init__ emulator.next_steps emulator.runtime", ""),
    "emulator.next_steps": ("emulator.settings", ""),
    "emulator.greeting": ("__init__ emulator.next_steps emulator.ready emulator.settings", ""),
    "emulator.private_directory": ("emulator.file_access", ""),
    "emulator.data_layout": ("emulator.file_access", ""),
    "emulator.data_directory": (
        f"{VALUES} emulator.data_layout emulator.file_access emulator.private_directory files",
        "filelock",
    ),
    "emulator.listener": (
        "emulator.runtime emulator.settings emulator.site_ports emulator.tls_files",
        "granian uvloop",
    ),
    "emulator.open_files": ("", ""),
    "emulator.cycles": ("", ""),
    "emulator.ca_variables": ("", ""),
    "emulator.certificates": ("", "cryptography"),
    "emulator.tls": (
        "emulator.certificates emulator.file_access emulator.hosts emulator.tls_files files",
        "cryptography",
    ),
    "emulator.tls_files": ("", ""),
    "emulator.supervisor": (
        "emulator.data_directory emulator.file_access emulator.settings emulator.telemetry "
        "emulator.tls_files",
        "",
    ),
    "emulator.worker": ("emulator", ""),
    "emulator.ready": (
        "emulator.data_directory emulator.listener emulator.server_url emulator.settings files",
        "",
    ),
    "emulator.late_app": ("", ""),
    "emulator.in_thread": ("emulator", ""),
    "emulator.emulator": ("emulator", "sqlalchemy starlette"),
    "emulator.server": ("emulator", "uvloop"),
    "emulator.connection_fault": ("connection_causes", ""),
    "emulator.answer": ("deadline emulator.connection_fault", ""),
    "emulator.direct_request": ("emulator.answer emulator.connection_fault", ""),
    "emulator.proxied_request": (
        "emulator.answer emulator.connection_fault emulator.server_url",
        "requests",
    ),
    "emulator.client": (
        f"__init__ {VALUES} emulator.answer emulator.connection_fault emulator.direct_request "
        "emulator.file_access emulator.next_steps emulator.proxied_request emulator.server_url "
        "emulator.settings",
        "",
    ),
    "emulator.registry_client": (
        f"{VALUES} emulator.answer emulator.client emulator.hosts emulator.next_steps emulator.server_url",
        "",
    ),
    "emulator.server_files": ("errors emulator.client emulator.file_access", ""),
    "emulator.sizes": ("", ""),
    "emulator.namespaces": ("", ""),
    "emulator.parents": ("", ""),
    "emulator.foreground": ("", ""),
    "emulator.processes": ("errors emulator.foreground emulator.namespaces emulator.parents", ""),
    "emulator.trust": ("emulator.file_access files", "cryptography"),
    "emulator.private_credentials": ("", ""),
    "emulator.private_run": ("emulator", ""),
    "emulator.credential_documents": ("emulator.client emulator.server_url", ""),
    "emulator.credential_makers": (
        f"{VALUES} emulator.client emulator.commands_key emulator.commands_options "
        "emulator.credential_documents",
        "",
    ),
    "emulator.commands_": ("commands emulator files locations", "click"),
    "emulator.commands_progress": ("emulator", "click rich"),
    "emulator.cli": ("emulator", "click"),
    "pytest_plugin": ("emulator", "cryptography pytest requests"),
    "kubelet": ("errors helper", ""),
    "library": ("errors helper", ""),
    "requests_auth": ("errors helper library", "requests"),
    "keyring_backend": ("errors helper library", "keyring"),
}

# The parts that may know SQLite, and why.
KNOWS_SQLITE = {
    "emulator.database.engine": "it is where SQLite is known",
    "emulator.records": "it has the pragmas, the transactions and the triggers, until they are in the engine",
}
SQLITE_MODULES = ("sqlite3", "sqlalchemy.dialects")


@dataclass(frozen=True)
class Import:
    """One import of one module; `deferred` when it runs in a function only, or for types alone."""

    module: str
    target: str
    deferred: bool
    line: int

    def __str__(self) -> str:
        return f"{self.module}:{self.line} imports {self.target}"


def test_every_import_is_in_the_table() -> None:
    assert find_violations(ROOT) == []


def test_the_modules_of_a_cached_get_exist() -> None:
    assert HOT - set(find_modules(ROOT)) == set()


def test_sqlite_is_known_to_the_database_alone() -> None:
    assert find_sqlite(ROOT) == []
    # A part that knows nothing of it needs no row.
    assert [part for part in KNOWS_SQLITE if not find_sqlite(ROOT, set(KNOWS_SQLITE) - {part})] == []


def test_the_walk_sees_what_of_sqlite_stands_elsewhere(tmp_path: Path) -> None:
    planted = {
        "emulator/registry/planted.py": "import sqlite3\ndef f(c):\n    c.exec_driver_sql('SELECT 1')\n",
        "emulator/google/planted.py": "from sqlalchemy.dialects.sqlite import insert\n",
        "emulator/planted.py": "from sqlalchemy.dialects import sqlite\nQUERY = f'PRAGMA {1}'\n",
        "emulator/database/engine/planted.py": "import sqlite3\nQUERY = 'PRAGMA data_version'\n",
        "emulator/control/planted.py": '"""No sqlite3."""\nimport sqlalchemy\nNAME = "Pragma: no-cache"\n',
    }
    for name, source in planted.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(source)

    assert find_sqlite(tmp_path) == [
        "emulator.google.planted:1 imports sqlalchemy.dialects.sqlite",
        "emulator.planted:1 imports sqlalchemy.dialects",
        "emulator.planted:2 has a PRAGMA",
        "emulator.registry.planted:1 imports sqlite3",
        "emulator.registry.planted:3 calls exec_driver_sql",
    ]


def test_the_walk_sees_what_the_table_forbids(tmp_path: Path) -> None:
    copy = Path(shutil.copytree(ROOT, tmp_path / PACKAGE))
    planted = {
        "helper/planted.py": "def f():\n    from ..emulator import clock\n",
        "emulator/middleware/host_router.py": "from .registry import app\nimport docker_credential_gcr.helper\n",
        "emulator/oci/planted.py": "from ..records import schema\n",
        "emulator/registry/planted.py": "import json, starlette\n",
        "helper/wire.py": "import re\nfrom . import planted\n",
        "unknown.py": "import os\n",
    }
    for path, source in planted.items():
        (copy / path).write_text(source)

    assert sorted(set(find_violations(copy)) - set(find_violations(ROOT))) == [
        "emulator.oci.planted:1 imports docker_credential_gcr.emulator.database.schema",
        "emulator.registry.planted:1 imports starlette",
        "emulator.sites:1 imports docker_credential_gcr.emulator.registry.app",
        "emulator.sites:2 imports docker_credential_gcr.helper",
        "helper.planted:2 imports docker_credential_gcr.emulator.runtime.clock",
        "helper.wire:1 imports re, which a cached get cannot afford",
        "helper.wire:2 imports docker_credential_gcr.helper.planted, which a cached get cannot afford",
        "unknown has no row in the table",
    ]


def find_violations(root: Path) -> list[str]:
    """Every import under the root which the table does not allow, in words."""
    modules = find_modules(root)
    found = []
    for name, path in sorted(modules.items()):
        part = find_part(name)
        if part is None:
            found.append(f"{name} has no row in the table")
            continue
        for item in find_imports(name, path, modules):
            if not is_allowed(item, part):
                found.append(str(item))
            elif name in HOT and not item.deferred and not is_cheap(item):
                found.append(f"{item}, which a cached get cannot afford")
    return found


def find_sqlite(root: Path, parts: Collection[str] = tuple(KNOWS_SQLITE)) -> list[str]:
    """Returns what is SQLite's own in the modules under the root that are in none of the parts, in words."""
    modules = find_modules(root)
    found = []
    for name, path in sorted(modules.items()):
        if any(covers(part, name) for part in parts):
            continue
        imports = find_imports(name, path, modules)
        found += [str(item) for item in imports if any(covers(top, item.target) for top in SQLITE_MODULES)]
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Attribute) and node.attr == "exec_driver_sql":
                found.append(f"{name}:{node.lineno} calls exec_driver_sql")
            elif isinstance(node, ast.Constant) and "PRAGMA " in str(node.value):
                found.append(f"{name}:{node.lineno} has a PRAGMA")
    return found


def find_modules(root: Path) -> dict[str, Path]:
    """Dotted names below the package; that of a package ends in __init__."""
    return {".".join(path.relative_to(root).with_suffix("").parts): path for path in root.rglob("*.py")}


def find_part(module: str) -> str | None:
    """The row which is about the module."""
    return max((part for part in TABLE if covers(part, module)), key=len, default=None)


def covers(part: str, module: str) -> bool:
    """Whether the module is the part, is in it, or has a name which begins with it."""
    return module == part or module.startswith(part if part.endswith("_") else f"{part}.")


def is_allowed(item: Import, part: str) -> bool:
    """Whether the part's row holds the import's target."""
    own, distributions = (cell.split() for cell in TABLE[part])
    top, _, rest = item.target.partition(".")
    if top != PACKAGE:
        return top in sys.stdlib_module_names or top in distributions
    # The root itself holds the version, which anyone may ask for.
    return rest == "" or any(covers(row, rest) for row in (part, *own))


def is_cheap(item: Import) -> bool:
    """Whether a cached `get` can afford the import."""
    top, _, rest = item.target.partition(".")
    if top != PACKAGE:
        return top in CHEAP
    return rest in HOT or f"{rest}.__init__".lstrip(".") in HOT


def find_imports(module: str, path: Path, modules: dict[str, Path]) -> Iterator[Import]:
    """Every import statement of the module, wherever it stands."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    deferred = {id(inner) for node in ast.walk(tree) if is_deferring(node) for inner in ast.walk(node)}
    for node in ast.walk(tree):
        for target in find_targets(node, module, modules):
            yield Import(module, target, id(node) in deferred, getattr(node, "lineno", 0))


def is_deferring(node: ast.AST) -> bool:
    """Whether what stands in the node does not run when the module is imported."""
    if isinstance(node, ast.If):
        return isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"
    return isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)


def find_targets(node: ast.AST, module: str, modules: dict[str, Path]) -> Iterator[str]:
    """The absolute names of what an import statement loads."""
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
        parents = [PACKAGE, *module.split(".")][: -node.level] if node.level else []
        base = ".".join([*parents, *([node.module] if node.module else [])])
        for alias in node.names:
            name = f"{base}.{alias.name}".removeprefix(f"{PACKAGE}.")
            is_module = name in modules or f"{name}.__init__" in modules
            yield f"{PACKAGE}.{name}" if is_module else base
