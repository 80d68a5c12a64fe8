"""The bill of materials: what an installed helper and emulator consist of, in CycloneDX's JSON.

https://cyclonedx.org/docs/1.6/json/
"""

import json
from pathlib import Path

from _environment import Environment, extra, metadata, requirements, run

SPECIFICATION = "1.6"
# What the tool knows of the root component it reads here; the distribution itself has a setup.cfg.
PROJECT = """[project]
name = "{name}"
version = "{version}"
description = "{description}"
license = "{license}"
dependencies = {dependencies}
"""


def write_bill(work: Path, wheel: Path) -> Path:
    """Install the wheel with what it runs on, as locked, and list what is there; a file beside the wheel."""
    tool = Environment.create(work / "bill-of-materials")
    tool.install_locked("sbom")
    installed = Environment.create(work / "installed")
    installed.install_locked("run")
    values = metadata()
    # From a directory, not by its path, which the bill would tell.
    distribution = f"{values['name']}=={values['version']}"
    installed.pip("install", "--no-deps", "--no-index", "--find-links", str(wheel.parent), distribution)
    installed.pip("uninstall", "--yes", "setuptools", "pip")  # they came with the environment
    project = work / "pyproject.toml"
    values["dependencies"] = json.dumps([*requirements(), *extra("emulator")])
    project.write_text(PROJECT.format_map(values), encoding="utf-8")
    bill = wheel.parent / f"{values['name']}-{values['version']}.cdx.json"
    command = [tool.program("cyclonedx-py"), "environment", "--pyproject", str(project)]
    command += ["--output-reproducible", "--spec-version", SPECIFICATION, "--output-format", "JSON"]
    run([*command, "--output-file", str(bill), installed.program("python")])
    return bill
