"""The emulator extra: the modules that it brings, and what to do where one is missing."""

from importlib.util import find_spec

# Not by name from an index: the package is not published on one.
INSTALL = "install the emulator extra from a checkout: pip install '.[emulator]'"
# By the names that Python imports.
MODULES = (
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
# What a server imports after it has said that it is ready.
LATE = ("jinja2", "jwt", "starlette")


def check_late() -> None:
    """Raise ModuleNotFoundError for a module that the first requests would miss; none is loaded."""
    for name in LATE:
        if find_spec(name) is None:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)


def explain_missing(error: Exception) -> str | None:
    """What to do about a module of the extra that cannot be found; None for any other error."""
    if not isinstance(error, ModuleNotFoundError) or (error.name or "").partition(".")[0] not in MODULES:
        return None
    return f"{error.name} is missing: {INSTALL}"
