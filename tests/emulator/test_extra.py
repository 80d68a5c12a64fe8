"""Without the emulator extra, programs and fixture name the missing module and the command (D01)."""

import os
import re
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest

from docker_credential_gcr.emulator.extra import MODULES, SCALE_MODULES, explain_missing

INSTALL = "install the emulator extra from a checkout: pip install '.[emulator]'"
SCALE_INSTALL = "install the extra for PostgreSQL and object stores: pip install '.[emulator,scale]'"


def test_modules_are_those_that_the_extra_brings() -> None:
    lines = [line for line in metadata.requires("docker-credential-gcr") or [] if "emulator" in line]
    brought = {
        name: {file.parts[0] for file in metadata.files(name) or []} & set(MODULES)
        for name in (re.split(r"[^\w.-]", line)[0] for line in lines)
    }

    assert sorted(module for modules in brought.values() for module in modules) == list(MODULES)
    assert [name for name, modules in brought.items() if len(modules) != 1] == []


@pytest.mark.parametrize("name", [*MODULES, "sqlalchemy.orm"])
def test_missing_module_of_the_extra_is_named_with_the_command_that_installs_it(name: str) -> None:
    assert explain_missing(ModuleNotFoundError(name=name)) == f"{name} is missing: {INSTALL}"


@pytest.mark.parametrize("name", [*SCALE_MODULES, "psycopg.conninfo"])
def test_missing_driver_is_named_with_the_command_that_installs_it(name: str) -> None:
    assert explain_missing(ModuleNotFoundError(name=name)) == f"{name} is missing: {SCALE_INSTALL}"


@pytest.mark.parametrize(
    "error", [ModuleNotFoundError(name="click"), ModuleNotFoundError(), ImportError(name="jwt"), OSError()]
)
def test_other_error_is_not_the_extras(error: Exception) -> None:
    assert explain_missing(error) is None


def test_d01_fixture_without_the_extra_fails_the_test_that_asks_for_it_with_the_command(
    tmp_path: Path,
) -> None:
    (tmp_path / "sitecustomize.py").write_text("import sys\nsys.modules['jwt'] = None\n")
    (tmp_path / "test_it.py").write_text("def test_a(gcr_emulator): ...\ndef test_b(): ...\n")
    environ = {**os.environ, "PYTHONPATH": str(tmp_path)}

    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-c", os.devnull, "test_it.py"],
        cwd=tmp_path,
        env=environ,
        capture_output=True,
        text=True,
        timeout=60,
    )

    message = f"the fixture gcr_emulator cannot be used: jwt is missing: {INSTALL}"
    error = done.stdout.partition("ERROR at setup of test_a")[2].partition("=====")[0].splitlines()[1:]
    assert (done.returncode, error) == (1, [message])
    assert re.search(r"^1 passed, 1 error in ", done.stdout, re.MULTILINE)
