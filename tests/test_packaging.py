"""Packaging: the contents of sdist and wheel, and the programs that work with each extra.

scripts/test names the distributions that it built in GCR_TEST_SDIST and GCR_TEST_WHEEL; without
them they are built here, which needs `build`.
"""

import ast
import configparser
import email
import os
import re
import shutil
import subprocess
import sys
import tarfile
import zipfile
from email.message import Message
from pathlib import Path

import pytest
from support.checkout import ROOT

from docker_credential_gcr import __version__

NAME = f"docker_credential_gcr-{__version__}"
INFO = f"{NAME}.dist-info"
INSTALL = re.compile(r"\b(?:pip3?|pipx|uv tool|uv pip) install\b\s*(?:-\S+\s+)*(\S*)")
LAUNCHER = f"{NAME}.data/scripts/docker-credential-gcr"


@pytest.fixture(scope="module")
def distributions(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Returns the sdist and the wheel; builds them unless scripts/test has done so."""
    built = [os.environ.get(name) for name in ("GCR_TEST_SDIST", "GCR_TEST_WHEEL")]
    if built[0] and built[1]:
        return Path(built[0]), Path(built[1])
    pytest.importorskip("build", reason="pip install build, or run scripts/test")
    directory = tmp_path_factory.mktemp("build")
    _run([sys.executable, "-m", "build", "--outdir", directory / "dist", copy_checkout(directory / "source")])
    return next((directory / "dist").glob("*.tar.gz")), next((directory / "dist").glob("*.whl"))


def copy_checkout(target: Path) -> Path:
    leave = shutil.ignore_patterns(
        ".git", ".nox", ".*_cache", ".hypothesis", ".venv", "__pycache__", "*.egg-info"
    )
    return shutil.copytree(ROOT, target, ignore=leave)


@pytest.fixture(scope="module")
def wheel(distributions: tuple[Path, Path]) -> zipfile.ZipFile:
    return zipfile.ZipFile(distributions[1])


@pytest.fixture(scope="module")
def metadata(wheel: zipfile.ZipFile) -> Message:
    return email.message_from_bytes(wheel.read(f"{INFO}/METADATA"))


@pytest.fixture(scope="module")
def programs(distributions: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Returns the directory of programs of an environment with the wheel and no extra."""
    environment = tmp_path_factory.mktemp("bare") / "environment"
    _run([sys.executable, "-m", "venv", environment])
    _run([environment / "bin" / "python", "-m", "pip", "install", "--quiet", distributions[1]])
    return environment / "bin"


def test_the_wheel_holds_the_package_and_nothing_else(wheel: zipfile.ZipFile) -> None:
    package = ROOT / "docker_credential_gcr"
    files = [*package.rglob("*.py"), *package.rglob("templates/*")]
    sources = {str(path.relative_to(ROOT)) for path in files}
    names = {name for name in wheel.namelist() if not name.startswith(f"{INFO}/")}

    assert names == {*sources, "docker_credential_gcr/py.typed", LAUNCHER}


def test_the_wheel_carries_the_licence(wheel: zipfile.ZipFile) -> None:
    licences = [name for name in wheel.namelist() if name.endswith("/LICENSE")]

    assert [wheel.read(name) for name in licences] == [(ROOT / "LICENSE").read_bytes()]


def test_the_launcher_is_a_raw_script_that_an_installer_points_at_its_python(wheel: zipfile.ZipFile) -> None:
    assert wheel.read(LAUNCHER).splitlines()[0] == b"#!python"


def test_the_other_programs_and_the_plugins_are_entry_points(wheel: zipfile.ZipFile) -> None:
    entries = configparser.ConfigParser()
    entries.read_string(wheel.read(f"{INFO}/entry_points.txt").decode())

    assert {section: dict(entries[section]) for section in entries.sections()} == {
        "console_scripts": {
            "gcr-credential-provider": "docker_credential_gcr.kubelet.program:main",
            "gcr-emulator": "docker_credential_gcr.emulator.cli.main:main",
        },
        "keyring.backends": {"gcr": "docker_credential_gcr.keyring_backend"},
        "pytest11": {"gcr_emulator": "docker_credential_gcr.pytest_plugin"},
    }


@pytest.mark.in_turn
def test_d17_the_helper_can_be_started_in_a_path_with_a_space_after_its_launcher_was_mended(
    distributions: tuple[Path, Path], tmp_path: Path
) -> None:
    environment = tmp_path / "my projects"
    python, helper = (environment / "bin" / name for name in ("python", "docker-credential-gcr"))
    _run([sys.executable, "-m", "venv", environment])
    _run([python, "-m", "pip", "install", "--quiet", "--no-deps", distributions[1]])

    _run([python, "-m", "docker_credential_gcr.helper.launcher"])

    assert _run([helper, "version"]) == f"docker-credential-gcr (docker-credential-gcr) {__version__}\n"
    _run([python, "-m", "pip", "uninstall", "--quiet", "--yes", "docker-credential-gcr"])
    assert not helper.exists()


def test_d14_the_sdist_holds_the_whole_checkout(distributions: tuple[Path, Path]) -> None:
    folders = ("docker_credential_gcr", "tests", "scripts", "docs", "examples", ".ci")
    files = [path for folder in folders for path in (ROOT / folder).rglob("*") if path.is_file()]
    files += [
        path
        for path in ROOT.iterdir()
        if path.suffix in (".md", ".cfg", ".py", ".toml") or path.name == "LICENSE"
    ]
    checkout = {str(path.relative_to(ROOT)) for path in files if "__pycache__" not in path.parts}
    with tarfile.open(distributions[0]) as archive:
        names = {member.name.partition("/")[2] for member in archive.getmembers() if member.isfile()}
    made = {"PKG-INFO", *(name for name in names if name.startswith("docker_credential_gcr.egg-info/"))}

    assert names - made == checkout


@pytest.mark.in_turn
def test_d20_a_second_install_from_a_checkout_holds_no_module_that_was_removed(tmp_path: Path) -> None:
    checkout = copy_checkout(tmp_path / "checkout")
    before = {path.name for path in checkout.iterdir()}
    python = tmp_path / "environment" / "bin" / "python"
    install = [python, "-m", "pip", "install", "--quiet", "--no-deps", "--use-pep517"]
    _run([sys.executable, "-m", "venv", tmp_path / "environment"])
    (checkout / "docker_credential_gcr" / "removed.py").touch()
    _run([*install, checkout])
    (checkout / "docker_credential_gcr" / "removed.py").unlink()

    _run([*install, "--force-reinstall", checkout])

    (installed,) = (tmp_path / "environment").glob("lib/python*/site-packages/docker_credential_gcr")
    assert [path.name for path in installed.glob("removed*")] == []
    assert {path.name for path in checkout.iterdir()} - before == {"docker_credential_gcr.egg-info"}


def test_d20_pyproject_toml_declares_the_build_system_and_nothing_else() -> None:
    assert (ROOT / "pyproject.toml").read_text(encoding="utf-8") == (
        '[build-system]\nrequires = ["setuptools>=68"]\nbuild-backend = "setuptools.build_meta"\n'
    )


def test_the_metadata_names_version_python_and_extras(metadata: Message) -> None:
    assert metadata["Name"] == "docker-credential-gcr"
    assert metadata["Version"] == __version__
    assert metadata["Requires-Python"] == ">=3.10"
    assert metadata.get_all("Provides-Extra") == [
        "emulator",
        "scale",
        "test",
        "test-scale",
        "clients",
        "dev",
    ]


def test_the_helper_alone_needs_seven_distributions(metadata: Message) -> None:
    lines = metadata.get_all("Requires-Dist", [])
    needed = {re.split(r"[^\w.-]", line)[0] for line in lines if "extra ==" not in line}

    assert needed == {
        "certifi",
        "click",
        "cryptography",
        "google-auth",
        "keyring",
        "requests",
        "rich",
    }


def test_the_readme_is_the_description(metadata: Message) -> None:
    assert metadata["Description-Content-Type"] == "text/markdown"
    assert str(metadata.get_payload()).strip() == (ROOT / "README.md").read_text(encoding="utf-8").strip()


@pytest.mark.in_turn("an install without extras")
def test_an_install_without_extras_gives_a_helper_that_runs(programs: Path) -> None:
    done = _try([programs / "docker-credential-gcr", "version"])

    assert (done.returncode, done.stderr) == (0, "")
    assert re.fullmatch(rf"docker-credential-gcr \(.+\) {re.escape(__version__)}\n", done.stdout)


@pytest.mark.in_turn("an install without extras")
def test_an_install_without_extras_says_which_one_the_emulator_needs(programs: Path) -> None:
    done = _try([programs / "gcr-emulator", "serve", "--port", "0"])

    assert (done.returncode, done.stdout) == (1, "")
    message = "install the emulator extra from a checkout: pip install '.[emulator]'"
    assert re.fullmatch(rf"gcr-emulator: \w+ is missing: {re.escape(message)}\n", done.stderr)


def test_d01_no_message_of_the_package_installs_by_name_from_an_index() -> None:
    """Checks for unsafe advice: the name is free on the index, so another project could publish under it."""
    found = {
        str(path.relative_to(ROOT)): named
        for path in (ROOT / "docker_credential_gcr").rglob("*.py")
        if (named := find_installs_by_name(path.read_text(encoding="utf-8")))
    }

    assert found == {}


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("f'pip install {PROGRAM}'", ["pip install {}"]),
        ("'pipx install ' + PROGRAM", ["pipx install "]),
        ("'run `uv tool install a-name[extra]`'", ["uv tool install a-name[extra]`"]),
        ("f'{python} -m pip install --upgrade a-name'", ["pip install --upgrade a-name"]),
        ("f'pipx install .  # in a checkout of {PROGRAM}'", []),
        ("'pip install \\'.[emulator]\\''", []),
    ],
)
def test_d01_walk_sees_what_a_message_installs(source: str, found: list[str]) -> None:
    assert find_installs_by_name(source) == found


def find_installs_by_name(source: str) -> list[str]:
    """Returns the commands in a module's texts that do not install from the current directory."""
    nodes = list(ast.walk(ast.parse(source)))
    formatted = [node for node in nodes if isinstance(node, ast.JoinedStr)]
    parts = {id(part) for node in formatted for part in node.values}
    texts = ["".join(map(_format_part, node.values)) for node in formatted]
    texts += [
        _format_part(node) for node in nodes if isinstance(node, ast.Constant) and id(node) not in parts
    ]
    matches = (match for text in texts for match in INSTALL.finditer(text))
    return [match[0] for match in matches if not re.match(r"'?\.", match[1])]


def _format_part(node: ast.expr) -> str:
    return str(node.value) if isinstance(node, ast.Constant) else "{}"


def _run(command: list[str | Path]) -> str:
    done = _try(command)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def _try(command: list[str | Path]) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=300)
