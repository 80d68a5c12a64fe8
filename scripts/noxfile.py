"""Nox sessions of scripts/check, test, test-clients, bench, build and lock. https://nox.thea.codes"""

import fcntl
import functools
import json
import os
import shutil
import signal
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import nox

sys.path.append(str(Path(__file__).parent))

from _distributions import build_distributions, build_release, extra, find_lock, helper_requirements
from _environment import CHECKOUT, WHEEL_VARIABLE, Failed, isolated_environ, run, temporary_directory
from _index_clients import PYTHON_CLIENTS, install_clients, lock_npm
from _index_clients import VARIABLE as CLIENTS_VARIABLE
from _start import NO_INDEX, NOX, say

nox.options.default_venv_backend = os.environ.get("NOX_DEFAULT_VENV_BACKEND", "uv|venv")
nox.options.reuse_venv = "yes"
nox.options.error_on_missing_interpreters = False

# The oldest that setup.cfg supports. A lock is resolved for it and all later ones.
OLDEST, *_ = PYTHONS = ("3.10", "3.11", "3.12", "3.13", "3.14")
OTHERS = [version for version in PYTHONS if version != "{}.{}".format(*sys.version_info)]
# pyenv's shims refuse to run if another version is selected; the installed Pythons run.
_PYENV = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv")
os.environ["PATH"] = os.pathsep.join([*(path for path in os.environ["PATH"].split(os.pathsep)
    if Path(path) != _PYENV / "shims"), *sorted(map(str, _PYENV.glob("versions/3.*/bin")))])  # fmt: skip

CHECKS = {
    "lint": ("ruff", "check", "--quiet", "--no-cache", "."),
    "format": ("ruff", "format", "--quiet", "--no-cache", "--check", "."),
    "types": ("mypy", "--cache-dir", f"{NOX}/mypy"),
    "types of scripts": ("mypy", "--cache-dir", f"{NOX}/mypy", "scripts"),
    "structure and English": (
        "python",
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        "tests/test_imports.py",
        "tests/test_sizes.py",
        "tests/test_english.py",
        "tests/test_architecture.py",
    ),
}
# These run on every supported Python, with the helper's own dependencies alone.
HELPER_TESTS = ("tests/helper", "tests/cli", "tests/kubelet", "tests/test_hot_path.py",
    "tests/test_loaded_modules.py")  # fmt: skip
# -I, because without it Python would import the package of the checkout.
REMOVE_EMULATOR = """
import pathlib, shutil, docker_credential_gcr
package = pathlib.Path(docker_credential_gcr.__file__).parent
shutil.rmtree(package / "emulator")
(package / "pytest_plugin.py").unlink()
(package / "pytest_controls.py").unlink()
"""
CLIENT_TESTS = "tests/clients"
# CI's commit, by which long tests take turns: tests/support/turns.py.
TURN = "GCR_TEST_TURN"
# The services behind the emulators of --scale, if the caller names no others.
SCALE = {"GCR_TEST_DATABASE": "postgresql", "GCR_TEST_STORAGE": "seaweedfs"}
# For --long: kills of servers, changes at one server that others show, seconds without a service.
LONG = {"GCR_TEST_KILLS": "200", "GCR_TEST_ROUNDS": "10000", "GCR_TEST_DOWN_S": "10"}
# The tests of --scale in parts: CI runs one for each commit.
SCALE_TESTS = (
    ("tests/emulator/registry",),
    ("tests/emulator/google",),
    ("tests/emulator/control", "tests/emulator/malformed", "tests/emulator/cli/resources",
        "tests/emulator/test_federation.py"),
)  # fmt: skip
# The name of each lock, and its extras; the others have the versions of `dev`.
LOCKS: dict[str, tuple[str, ...]] = {
    "dev": ("emulator", "scale", "test", "clients", "dev"),
    "run": ("emulator",),
    "test": ("test",),
    # In addition to `dev`, where tests run on PostgreSQL and an object store: 60 MB.
    "test-scale": ("test-scale",),
    "helper": (),
}
# Locks of tools, and the requirements of the `dev` extra that they hold.
TOOLS = {"nox": ("nox", "build", "setuptools"), "sbom": ("cyclonedx-bom",)}


@nox.session
def check(session: nox.Session) -> None:
    """Checks lint, formatting, types, structure and English, all of them even if one fails."""
    _install(session, "dev")
    failed = []
    with _isolated(session) as environ:
        for name, command in CHECKS.items():
            try:
                session.run(*command, env=environ, include_outer_env=False)
            except nox.command.CommandFailed:
                failed.append(name)
    if failed:
        session.error(f"failed: {', '.join(failed)}")


@nox.session
def test(session: nox.Session) -> None:
    """Runs the tests that the arguments name; without a path also the helper's on each other Python."""
    if "--clients" in session.posargs:
        _run_clients(session)
        return
    options = [option for option in session.posargs if option not in ("--needs", "--scale", "--long")]
    chosen = any((CHECKOUT / option.partition("::")[0]).exists() for option in options if option)
    if "--scale" in session.posargs:
        is_long = "--long" in session.posargs
        tests = () if chosen else _choose_scale_tests(is_long=is_long)
        handed = _scale_environ(SCALE | LONG if is_long else SCALE)
        _run_tests(session, handed, *tests, *options, locks=("dev", "test-scale"))
        return
    tests = () if chosen else ("tests", "--ignore", CLIENT_TESTS)
    if "--needs" in session.posargs:
        marked = ("-m", "needs or needs_root")
        needed = {"GCR_TEST_NEEDS": "all"}
        _run_tests(session, needed, *tests, *marked, *options, locks=("dev", "test-scale"))
    else:
        _run_tests(session, {}, *tests, *options)
    for version in () if chosen else _choose_pythons():
        session.notify(f"helper-{version}", options)


@nox.session(python=OTHERS, download_python="never")
def helper(session: nox.Session) -> None:
    """Runs the helper's tests with the helper's own dependencies, in a package without the emulator."""
    _install(session, "test")
    _install_wheel(session)
    session.run("python", "-I", "-c", REMOVE_EMULATOR)
    _run_pytest(session, {}, "-p", "no:gcr_emulator", *HELPER_TESTS, *session.posargs)


@nox.session
def bench(session: nox.Session) -> None:
    """Runs measurements; the parts are in scripts/bench --help."""
    _install(session, "dev")
    if "scale" in session.posargs:
        _install(session, "test-scale")
    _, wheel = _install_wheel(session)
    session.chdir(CHECKOUT)
    measure = ("python", "-B", "scripts/_measurements.py", *session.posargs)
    session.run(*measure, env={WHEEL_VARIABLE: str(wheel)})


@nox.session
def build(session: nox.Session) -> None:
    """Builds a release: sdist, wheel, requirements, bill of materials and checksums; none if a step fails."""
    _install(session, "sbom")
    with _stop_at_a_failure(session), temporary_directory() as work:
        print(build_release(Path(session.bin), _build(), work, Path(session.posargs[0])), end="")


@nox.session
def lock(session: nox.Session) -> None:
    """Writes the lock files for every supported Python and platform; they name no index."""
    tools = extra("dev")
    _try_install(session, *(line for line in tools if line.startswith("uv")))
    sources = {name: [*helper_requirements(), *(line for part in parts for line in extra(part))]
        for name, parts in LOCKS.items()}  # fmt: skip
    sources |= {name: [line for line in tools if line.startswith(starts)] for name, starts in TOOLS.items()}
    sources["clients"] = list(PYTHON_CLIENTS)
    with _stop_at_a_failure(session):
        lock_npm(upgrade="--upgrade" in session.posargs)
    for name, lines in sources.items():
        source = Path(session.create_tmp(), f"{name}.in")
        source.write_text("\n".join(lines) + "\n", encoding="utf-8")
        options = ("--quiet", "--universal", "--generate-hashes", "--no-annotate", "--python-version", OLDEST)
        versions = () if name == "dev" else ("--constraint", str(find_lock("dev")))
        session.run(
            "uv", "pip", "compile", *options, "--custom-compile-command", "scripts/lock", *versions,
            *session.posargs, "--output-file", str(find_lock(name)), str(source),
        )  # fmt: skip


def _run_clients(session: nox.Session) -> None:
    """Runs the tests with real clients, with --long also large clients."""
    options = [option for option in session.posargs if option not in ("--clients", "--long")]
    chosen = any(CLIENT_TESTS in option for option in options)
    session.log("install the clients from PyPI and npm into .nox/index-clients/")
    with _stop_at_a_failure(session):
        installed = install_clients(long="--long" in session.posargs)
    handed = {CLIENTS_VARIABLE: str(installed)}
    tests = (*options, *(() if chosen else (CLIENT_TESTS,)))
    _run_tests(session, handed, *tests)
    if "--long" in session.posargs:
        session.log("the same against three emulators that share PostgreSQL and an object store")
        shared = {**handed, **_scale_environ(SCALE), "GCR_TEST_REPLICAS": "3"}
        _run_tests(session, shared, *tests, locks=("dev", "test-scale"))


def _choose_pythons() -> Sequence[str]:
    """Returns the other Pythons; in CI one that is installed, another for each commit."""
    installed = [version for version in OTHERS if shutil.which(f"python{version}")]
    if not os.environ.get(TURN) or not installed:
        return OTHERS
    return (installed[int(os.environ[TURN], 16) % len(installed)],)


def _choose_scale_tests(*, is_long: bool) -> tuple[str, ...]:
    """Returns all tests of --scale, or the part for this commit."""
    if is_long:
        return (*(path for part in SCALE_TESTS for path in part), "tests/emulator/scale")
    try:
        commit = run(["git", "-C", str(CHECKOUT), "rev-parse", "HEAD"])
    except (Failed, OSError):  # a source distribution
        commit = "0"
    return SCALE_TESTS[int(commit, 16) % len(SCALE_TESTS)]


def _scale_environ(defaults: Mapping[str, str]) -> dict[str, str]:
    return {name: os.environ.get(name, value) for name, value in defaults.items()}


def _run_tests(
    session: nox.Session, handed: Mapping[str, str], *arguments: str, locks: Sequence[str] = ("dev",)
) -> None:
    """Installs the wheel and all locked packages, and runs pytest without a package index."""
    wheels = f"{NOX}/wheels"
    _install_and_keep(session, wheels, locks)
    sdist, wheel = _install_wheel(session)
    offline = {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": wheels, "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
    offline |= {"NOX_DEFAULT_VENV_BACKEND": "venv"}  # uv reads none of these
    built = {WHEEL_VARIABLE: str(wheel), "GCR_TEST_SDIST": str(sdist)}
    _run_pytest(session, built | offline | dict(handed), *arguments)


def _install_and_keep(session: nox.Session, wheels: str, locks: Sequence[str]) -> None:
    """Installs the locked packages, and keeps their archives for the tests that install."""
    texts = [find_lock(name).read_text(encoding="utf-8") for name in locks]
    stamp = Path(session.virtualenv.location, "installed.json")
    if stamp.is_file() and Path(wheels).is_dir():
        present = json.loads(stamp.read_text(encoding="utf-8"))
        if set(texts) <= set(present):
            return
    session.log("install the locked packages, and keep their archives for the tests that install")
    lock = ["--require-hashes", *(word for name in locks for word in ("--requirement", str(find_lock(name))))]
    stamp.unlink(missing_ok=True)
    with _stop_at_a_failure(session):
        run([sys.executable, "-m", "pip", "download", "--dest", wheels, *lock])
    _try_install(session, "--no-index", "--find-links", wheels, *lock)
    stamp.write_text(json.dumps(texts), encoding="utf-8")


def _run_pytest(session: nox.Session, handed: Mapping[str, str], *arguments: str) -> None:
    given = {name: value for name, value in os.environ.items() if name.startswith("GCR_TEST_")}
    with _isolated(session) as environ:
        options = ["-c", "setup.cfg", "-o", f"cache_dir={session.virtualenv.location}/pytest"]
        options += ["--basetemp", f"{environ['HOME']}/pytest", "--numprocesses", "auto", "--dist", "loadfile"]
        options += ["--no-loadscope-reorder"]  # tests/conftest.py orders the files
        # Not `python -m pytest`, which would import the checkout instead of the installed package.
        session.run(
            "pytest", *options, *arguments, env={**environ, **given, **handed}, include_outer_env=False,
            interrupt_timeout=1, terminate_timeout=60,
        )  # fmt: skip


def _install(session: nox.Session, lock: str) -> None:
    _try_install(session, "--require-hashes", "--requirement", str(find_lock(lock)))


def _install_wheel(session: nox.Session) -> tuple[Path, Path]:
    """Installs the wheel of the checkout; returns the sdist and the wheel."""
    with _stop_at_a_failure(session):
        files = _build()
    _try_install(session, "--no-index", "--no-deps", "--force-reinstall", str(files[1]))
    session.run("python", "-m", "pip", "check", silent=True)
    return files


def _try_install(session: nox.Session, *arguments: str) -> None:
    try:
        session.install(*arguments)
    except nox.command.CommandFailed:
        session.error(NO_INDEX)


@functools.cache
def _build() -> tuple[Path, Path]:
    """Builds the sdist and the wheel once for all sessions, into .nox/dist."""
    place = Path(NOX, "dist")
    shutil.rmtree(place, ignore_errors=True)
    with temporary_directory() as work:
        files = build_distributions(sys.executable, work)
        place.mkdir(parents=True)
        sdist, wheel = (Path(shutil.copy(file, place)) for file in files)
    return sdist, wheel


@contextmanager
def _stop_at_a_failure(session: nox.Session) -> Iterator[None]:
    try:
        yield
    except Failed as failure:
        session.error(str(failure))


@contextmanager
def _isolated(session: nox.Session) -> Iterator[dict[str, str]]:
    """Yields variables with a separate home, which is removed at the end."""
    session.chdir(CHECKOUT)
    with temporary_directory() as home:
        yield isolated_environ(home, Path(session.bin)) | {"PYTHONDONTWRITEBYTECODE": "1"}


def _interrupt(_number: int, _frame: object) -> None:
    raise KeyboardInterrupt  # nox handles it: pytest then tears its fixtures down


def _hold_environments() -> object:
    """Keeps a second script from changing .nox/ at the same time."""
    os.makedirs(NOX, exist_ok=True)
    held = open(f"{NOX}/held", "w")  # noqa: SIM115 - locked until this process ends
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        say("waiting for another script that runs in this checkout")
        fcntl.flock(held, fcntl.LOCK_EX)
    return held


for _number in (signal.SIGTERM, signal.SIGHUP):
    signal.signal(_number, _interrupt)
_HELD = _hold_environments()
