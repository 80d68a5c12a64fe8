"""Environments of their own for the scripts, made from a copy of the checkout."""

import configparser
import gzip
import io
import os
import re
import shutil
import signal
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parent.parent

# The oldest that setup.cfg supports, and the one that a lock is resolved for, with all later ones.
OLDEST_PYTHON = "3.10"
# The one instant in what is built, 2020-02-02: an archive is made of its sources, not of when and where.
SOURCE_DATE_EPOCH = "1580601600"

# A wheel built before: scripts/test hands it to the scripts that the tests run.
WHEEL_VARIABLE = "GCR_TEST_WHEEL"
# An environment with the dev lock and the wheel: scripts/ci hands it to scripts/check, tests to scripts/try.
ENVIRONMENT_VARIABLE = "GCR_TEST_ENVIRONMENT"

_LEFT_BEHIND = shutil.ignore_patterns(
    ".git", ".*_cache", ".hypothesis", ".venv", "__pycache__", "*.egg-info", "build", "dist"
)
# What a program needs to run at all; nothing of the user's settings, credentials or proxies.
_KEPT = ("PATH", "LANG", "LC_ALL", "LC_CTYPE", "TERM", "TZ", "CI", "SYSTEMROOT", "GCR_TEST_KILLS")

# Of a failed command's output: as many lines, each cut after as many characters.
_MOST, _LONGEST = 30, 400


class Failed(Exception):
    """A step failed; the message holds what was run and what it said."""


class Environment:
    """A virtual environment: `install` as the user has configured pip, `program` to run what it holds."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.programs = path / "bin"

    @classmethod
    def create(cls, path: Path, python: str = sys.executable) -> "Environment":
        """A new one with nothing in it but pip."""
        run([python, "-m", "venv", str(path)])
        return cls(path)

    @classmethod
    def find(cls) -> "Environment | None":
        """The one that was made before; None where none was handed on."""
        path = os.environ.get(ENVIRONMENT_VARIABLE)
        return cls(Path(path)) if path else None

    def program(self, name: str) -> str:
        """The path of an installed program."""
        return str(self.programs / name)

    def install(self, *requirements: str) -> None:
        """Install from the index that the user has configured."""
        self.pip("install", *requirements)

    def install_locked(self, lock: str) -> None:
        """Install all of a lock file, each archive held to its hash."""
        self.pip("install", "--require-hashes", "--requirement", str(find_lock(lock)))

    def pip(self, command: str, *arguments: str) -> None:
        """Run pip itself."""
        quiet = ("--quiet", "--disable-pip-version-check")
        run([self.program("python"), "-m", "pip", command, *quiet, *arguments])


@contextmanager
def workplace(*, keep: bool = False) -> Iterator[Path]:
    """A temporary directory, which goes in the end, whatever happens."""
    directory = Path(tempfile.mkdtemp(prefix="gcr-"))
    try:
        yield directory
    finally:
        if not keep:
            previous = signal.signal(signal.SIGINT, signal.SIG_IGN)
            shutil.rmtree(directory, ignore_errors=True)
            signal.signal(signal.SIGINT, previous)


def run(
    command: Sequence[str],
    *,
    cwd: Path | None = None,
    environ: Mapping[str, str] | None = None,
    umask: int = -1,
) -> str:
    """What the command wrote, output and errors together. Raises Failed when it fails."""
    with subprocess.Popen(
        command, cwd=cwd, env=environ, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, text=True, errors="replace", umask=umask,
    ) as process:  # fmt: skip
        try:
            output, _ = process.communicate()
        except BaseException:
            process.kill()
            process.wait()  # not so subprocess.run: after ^C it leaves what it has killed to itself
            raise
    if process.returncode != 0:
        last = [line[:_LONGEST] for line in output.splitlines()[-_MOST:]]
        raise Failed("\n".join([f"{' '.join(command)}: exit status {process.returncode}", *last]))
    return output


def copy_checkout(target: Path) -> Path:
    """Copy what a build needs: setuptools leaves its traces where it builds."""
    shutil.copytree(CHECKOUT, target, ignore=_LEFT_BEHIND)
    for path in target.rglob("*"):  # the modes that git keeps, not those that a umask left of them
        path.chmod(0o755 if path.is_dir() or path.stat().st_mode & 0o100 else 0o644)
    return target


def build_distributions(directory: Path) -> tuple[Path, Path]:
    """Build the sdist, and the wheel from the sdist: the same bytes from the same sources, anywhere."""
    source = copy_checkout(directory / "source")
    builder = Environment.create(directory / "builder")
    builder.install_locked("build")
    dist = directory / "dist"
    command = [builder.program("python"), "-m", "build", "--no-isolation", "--outdir", str(dist), str(source)]
    environ = {"SOURCE_DATE_EPOCH": SOURCE_DATE_EPOCH, **os.environ}
    run(command, environ=environ, umask=0o022)
    sdist = next(dist.glob("*.tar.gz"))
    normalise(sdist, int(environ["SOURCE_DATE_EPOCH"]))
    return sdist, next(dist.glob("*.whl"))


def normalise(path: Path, instant: int) -> None:
    """Write a tar.gz anew: its members by name, nobody's, and all of one instant."""
    with tarfile.open(path) as archive:
        members = sorted(archive.getmembers(), key=lambda member: member.name)
        contents = [archive.extractfile(member) if member.isfile() else None for member in members]
        buffer = io.BytesIO()
        with tarfile.open(fileobj=buffer, mode="w", format=tarfile.GNU_FORMAT) as anew:
            for member, content in zip(members, contents, strict=True):
                member.mtime, member.uid, member.gid, member.uname, member.gname = instant, 0, 0, "", ""
                member.pax_headers = {}
                anew.addfile(member, content)
    path.write_bytes(gzip.compress(buffer.getvalue(), mtime=instant))


def find_wheel(directory: Path) -> Path:
    """The wheel that was built before, or one built in the directory now."""
    built = os.environ.get(WHEEL_VARIABLE)
    return Path(built) if built else build_distributions(directory)[1]


def requirements() -> list[str]:
    """What the helper needs, as setup.cfg says it."""
    return _lines("options", "install_requires")


def find_lock(name: str) -> Path:
    """The lock file of that name; scripts/lock writes it."""
    return CHECKOUT / "scripts" / f"requirements-{name}.txt"


def metadata() -> dict[str, str]:
    """Name, version, description and license of the distribution."""
    values = dict(_setup()["metadata"])
    package = (CHECKOUT / "docker_credential_gcr" / "__init__.py").read_text(encoding="utf-8")
    values["version"] = re.findall(r'^__version__ = "(.+)"$', package, re.MULTILINE)[0]
    return values


def extras() -> list[str]:
    """The names of the extras."""
    return list(_setup()["options.extras_require"])


def extra(name: str) -> list[str]:
    """The requirements of an extra, as setup.cfg pins them."""
    return _lines("options.extras_require", name)


def _lines(section: str, option: str) -> list[str]:
    return [line for line in _setup()[section][option].splitlines() if line]


def _setup() -> configparser.ConfigParser:
    setup = configparser.ConfigParser()
    setup.read(CHECKOUT / "setup.cfg", encoding="utf-8")
    return setup


def isolated_environ(home: Path, *programs: Path) -> dict[str, str]:
    """An environment with a home of its own, and these directories first on PATH."""
    environ = {name: os.environ[name] for name in _KEPT if name in os.environ}
    environ["PATH"] = os.pathsep.join([*map(str, programs), os.environ.get("PATH", os.defpath)])
    temporary, runtime = home / "tmp", home / "run"
    for directory in (temporary, runtime):
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    environ.update(HOME=str(home), TMPDIR=str(temporary), XDG_RUNTIME_DIR=str(runtime))
    for name in ("cache", "config", "data", "state"):
        environ[f"XDG_{name.upper()}_HOME"] = str(home / f".{name}")
    return environ
