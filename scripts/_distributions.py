"""Builds sdist and wheel: the same bytes from the same sources anywhere."""

import configparser
import gzip
import hashlib
import io
import json
import os
import re
import shutil
import sys
import tarfile
from pathlib import Path

from _environment import CHECKOUT, make_environment, run

# 2020-02-02, every time stamp in an archive: its bytes depend on the sources, not on when and where.
SOURCE_DATE_EPOCH = "1580601600"
_LEFT_BEHIND = shutil.ignore_patterns(
    ".git", ".nox", ".*_cache", ".hypothesis", ".venv", "__pycache__", "*.egg-info"
)


def build_distributions(python: str, directory: Path, *, checkout: Path = CHECKOUT) -> tuple[Path, Path]:
    """Builds the sdist, and the wheel from the sdist, with a Python that has the `build` lock."""
    source = _copy_checkout(checkout, directory / "source")
    dist = directory / "dist"
    command = [python, "-m", "build", "--no-isolation", "--outdir", str(dist), str(source)]
    environ = {"SOURCE_DATE_EPOCH": SOURCE_DATE_EPOCH, **os.environ}
    run(command, environ=environ, umask=0o022)
    sdist = next(dist.glob("*.tar.gz"))
    _normalise(sdist, int(environ["SOURCE_DATE_EPOCH"]))
    return sdist, next(dist.glob("*.whl"))


def build_release(programs: Path, files: tuple[Path, Path], work: Path, target: Path) -> str:
    """Builds the files of a release in the target; returns their checksums.

    `programs` is an environment with the `sbom` lock, `files` are sdist and wheel.
    """
    sdist, wheel = (Path(shutil.copy(file, work)) for file in files)
    made = [
        sdist,
        wheel,
        _write_bill(programs, work, wheel),
        write_requirements(wheel, work / "requirements.txt"),
    ]
    sums = "".join(f"{_compute_sha256(file)}  {file.name}\n" for file in made)
    target.mkdir(parents=True, exist_ok=True)
    for file in made:
        shutil.copy(file, target)
    (target / "SHA256SUMS").write_text(sums, encoding="ascii")
    return sums


def write_requirements(wheel: Path, target: Path) -> Path:
    """Writes the helper's wheel and all its dependencies with hashes, for `pip --require-hashes`."""
    name, version = wheel.name.split("-")[:2]
    own = f"{name.replace('_', '-')}=={version} --hash=sha256:{_compute_sha256(wheel)}\n"
    locked = find_lock("helper").read_text(encoding="utf-8")
    pins = re.sub(r"^#.*\n", "", locked, flags=re.MULTILINE)
    target.write_text(own + pins, encoding="utf-8")
    return target


def find_lock(name: str) -> Path:
    """Returns the lock file of that name; scripts/lock writes it."""
    return CHECKOUT / "scripts" / f"requirements-{name}.txt"


def helper_requirements() -> list[str]:
    """Returns the helper's requirements from setup.cfg."""
    return _setup()["options"]["install_requires"].splitlines()[1:]


def extra(name: str) -> list[str]:
    """Returns the requirements of an extra from setup.cfg."""
    return _setup()["options.extras_require"][name].splitlines()[1:]


def _setup() -> configparser.ConfigParser:
    setup = configparser.ConfigParser()
    setup.read(CHECKOUT / "setup.cfg", encoding="utf-8")
    return setup


def _write_bill(programs: Path, work: Path, wheel: Path) -> Path:
    """Installs the wheel with its locked dependencies, and lists them in CycloneDX's JSON.

    https://cyclonedx.org/docs/1.6/json/
    """
    name, version = wheel.name.split("-")[:2]
    python = str(make_environment(work / "installed", sys.executable) / "python")
    pip = [python, "-m", "pip", "--quiet", "--disable-pip-version-check"]
    run([*pip, "install", "--require-hashes", "--requirement", str(find_lock("run"))])
    # By name from a directory, not by path: the bill would hold the path.
    run([*pip, "install", "--no-deps", "--no-index", "--find-links", str(work), f"{name}=={version}"])
    run([*pip, "uninstall", "--yes", "setuptools", "pip"])  # venv installed them
    bill = work / f"{name.replace('_', '-')}-{version}.cdx.json"
    # The tool reads the root component from it. Strings and lists of strings look the same in JSON and TOML.
    values = {"name": name.replace("_", "-"), "version": version}
    values |= {key: _setup()["metadata"][key] for key in ("description", "license")}
    lines = [f"{key} = {json.dumps(value)}" for key, value in values.items()]
    lines.append(f"dependencies = {json.dumps([*helper_requirements(), *extra('emulator')])}")
    (work / "pyproject.toml").write_text("\n".join(["[project]", *lines]), encoding="utf-8")
    command = [str(programs / "cyclonedx-py"), "environment", "--pyproject", str(work / "pyproject.toml")]
    command += ["--output-reproducible", "--spec-version", "1.6", "--output-format", "JSON"]
    run([*command, "--output-file", str(bill), python])
    return bill


def _compute_sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _copy_checkout(checkout: Path, target: Path) -> Path:
    """Copies the files of a build: setuptools writes into the directory that it builds."""
    shutil.copytree(checkout, target, ignore=_LEFT_BEHIND)
    for path in target.rglob("*"):  # git's modes, whatever the umask of the checkout was
        path.chmod(0o755 if path.is_dir() or path.stat().st_mode & 0o100 else 0o644)
    return target


def _normalise(path: Path, instant: int) -> None:
    """Rewrites a tar.gz with its members sorted by name, owned by root, with one time stamp."""
    with tarfile.open(path) as archive:
        members = sorted(archive.getmembers(), key=lambda member: member.name)
        contents = [archive.extractfile(member) if member.isfile() else None for member in members]
        buffer = io.BytesIO()
        with tarfile.open(fileobj=buffer, mode="w", format=tarfile.GNU_FORMAT) as rewritten:
            for member, content in zip(members, contents, strict=True):
                member.mtime, member.uid, member.gid, member.uname, member.gname = instant, 0, 0, "", ""
                member.pax_headers = {}
                rewritten.addfile(member, content)
    path.write_bytes(gzip.compress(buffer.getvalue(), mtime=instant))
