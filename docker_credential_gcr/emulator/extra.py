"""The emulator extra: the modules that it installs, and the error if one is missing."""

from importlib.util import find_spec

# From a checkout, because the package is in no index.
INSTALL = "install the emulator extra from a checkout: pip install '.[emulator]'"
# Their import names.
MODULES = (
    "aiohttp",
    "alembic",
    "filelock",
    "google_crc32c",
    "granian",
    "jinja2",
    "jwt",
    "prometheus_client",
    "sqlalchemy",
    "starlette",
    "uvloop",
)
# Those of PostgreSQL and object stores, which the extra `scale` installs in addition.
SCALE_INSTALL = "install the extra for PostgreSQL and object stores: pip install '.[emulator,scale]'"
SCALE_MODULES = ("obstore", "psycopg")
# Modules that a server imports after it is ready.
LATE = ("jinja2", "jwt", "starlette")


def check_late() -> None:
    """Raises ModuleNotFoundError if a module of LATE is missing; imports none."""
    for name in LATE:
        if find_spec(name) is None:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)


def explain_missing(error: Exception) -> str | None:
    """Returns how to install a module of the extra that is missing; None for any other error."""
    name = (error.name or "") if isinstance(error, ModuleNotFoundError) else ""
    package = name.partition(".")[0]
    if package in SCALE_MODULES:
        return f"{name} is missing: {SCALE_INSTALL}"
    return f"{name} is missing: {INSTALL}" if package in MODULES else None
