"""Runs the jobs of a CI example as GitHub's and GitLab's runners do, where Google is the emulator.

    gcr-emulator run --project my-project --create-on-push -- python runner.py EXAMPLE.yml ROLE

The current directory is the checkout of the user's repository, $HOME is the job's home. The service account
that the job is given has the role. Exits with 1 when a step fails.
"""

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from string import Template
from typing import Any

import yaml

GCR_EMULATOR = (sys.executable, "-m", "docker_credential_gcr.emulator.cli.main")
PROGRAMS = Path(__file__).with_name("programs.py")
# Substitutes for the programs of the job's image. `python3` is this Python, so that each version is tested.
IMAGE_PROGRAMS = {
    "apk": (sys.executable, str(PROGRAMS), "apk"),
    "docker": (sys.executable, str(PROGRAMS), "docker"),
    "gcr-emulator": GCR_EMULATOR,
    "python3": (sys.executable,),
}
COMMIT = "0123456789abcdef0123456789abcdef01234567"
# GitHub signs tokens for a job that has this variable: one with the permission id-token: write.
ID_TOKEN_URL = {"ACTIONS_ID_TOKEN_REQUEST_URL": "https://pipelines.actions.githubusercontent.com/"}

# Scripts for actions; their inputs are in INPUT_… The second writes a file for the job's identity, and sets
# variables with its path for the following steps.
ACTIONS = {
    "actions/checkout": "true",
    "google-github-actions/auth": """
        : "$ACTIONS_ID_TOKEN_REQUEST_URL" "$INPUT_WORKLOAD_IDENTITY_PROVIDER"
        file=$GITHUB_WORKSPACE/gha-creds-0123456789abcdef.json
        gcr-emulator credentials create --type external_account --project my-project --role "$ROLE" \\
            --account "${INPUT_SERVICE_ACCOUNT%%@*}" --token-uri google --output "$file"
        echo "GOOGLE_APPLICATION_CREDENTIALS=$file" >> "$GITHUB_ENV"
        echo "CLOUDSDK_AUTH_CREDENTIAL_FILE_OVERRIDE=$file" >> "$GITHUB_ENV"
        echo "GOOGLE_GHA_CREDS_PATH=$file" >> "$GITHUB_ENV"
    """,
}


@dataclass
class Step:
    """One process of a job: its command, its own variables, and whether it runs after a failure."""

    command: tuple[str, ...]
    variables: dict[str, str] = field(default_factory=dict)
    always: bool = False


@dataclass
class Job:
    """A job's steps in order, with the variables of all of them."""

    environ: dict[str, str]
    steps: list[Step]

    def run(self) -> bool:
        """Runs the steps, after a failure only those with `always`; returns whether all succeed."""
        succeeded = True
        for step in self.steps:
            if succeeded or step.always:
                done = subprocess.run(step.command, env={**self.environ, **step.variables}, check=False)
                succeeded = done.returncode == 0 and succeeded
                self._take_over()
        return succeeded

    def _take_over(self) -> None:
        """Sets the variables and the PATH that a step has written for the next steps."""
        for line in _take_lines(self.environ.get("GITHUB_ENV")):
            name, _, value = line.partition("=")
            self.environ[name] = value
        for line in _take_lines(self.environ.get("GITHUB_PATH")):
            self.environ["PATH"] = f"{line}:{self.environ['PATH']}"


def main(example: str, role: str) -> int:
    """Runs all jobs of the example."""
    document = yaml.safe_load(Path(example).read_text("utf-8"))
    home = Path(os.environ["HOME"])
    environ = {**os.environ, "PATH": f"{make_programs(home / 'bin')}:/usr/bin:/bin", "CI": "true"}
    read = read_github if "jobs" in document else read_gitlab
    ends = [job.run() for job in read(document, environ, home, role)]
    return 0 if all(ends) else 1


def read_github(document: dict[str, Any], environ: Mapping[str, str], home: Path, role: str) -> Iterator[Job]:
    """Yields the jobs of a workflow."""
    temporary = home / "temporary"
    temporary.mkdir()
    values = {"github.sha": COMMIT}
    if "secrets.GCR_KEY" in str(document):
        values["secrets.GCR_KEY"] = make_key(role)
    runner = {
        "RUNNER_TEMP": str(temporary),
        "GITHUB_WORKSPACE": os.getcwd(),
        "GITHUB_ENV": str(home / "github-env"),
        "GITHUB_PATH": str(home / "github-path"),
        **(ID_TOKEN_URL if document["permissions"].get("id-token") == "write" else {}),
    }
    for job in document["jobs"].values():
        steps = [_read_github_step(step, values, role) for step in job["steps"]]
        yield Job({**environ, **runner, **_substitute(job["env"], values)}, steps)


def _read_github_step(step: dict[str, Any], values: Mapping[str, str], role: str) -> Step:
    if "uses" in step:
        inputs = {f"INPUT_{name.upper()}": str(value) for name, value in step.get("with", {}).items()}
        return Step(("bash", "-euc", ACTIONS[step["uses"].partition("@")[0]]), {**inputs, "ROLE": role})
    always = {"success()": False, "always()": True}[step.get("if", "success()")]
    return Step(("bash", "-e", "-c", step["run"]), _substitute(step.get("env", {}), values), always)


def read_gitlab(document: dict[str, Any], environ: Mapping[str, str], home: Path, role: str) -> Iterator[Job]:
    """Yields the jobs of a pipeline; GCR_KEY is a world-readable file, as GitLab's runner writes it."""
    for name, job in document.items():
        key = home / f"{name}.tmp"
        key.write_text(make_key(role))
        key.chmod(0o666)
        known = {"GCR_KEY": str(key), "CI_COMMIT_SHORT_SHA": COMMIT[:8]}
        variables = {each: Template(value).substitute(known) for each, value in job["variables"].items()}
        scripts = [[*job["before_script"], *job["script"]], job["after_script"]]
        first, last = (("sh", "-e", "-c", "\n".join(lines)) for lines in scripts)
        yield Job({**environ, **known, **variables}, [Step(first), Step(last, always=True)])


def make_key(role: str) -> str:
    """Returns the JSON key of a service account that has the role."""
    account = ("--project", "my-project", "--account", "ci", "--role", role)
    command = [*GCR_EMULATOR, "key", "create", *account, "--token-uri", "google", "--output", "-"]
    return subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout


def _substitute(variables: Mapping[str, str], values: Mapping[str, str]) -> dict[str, str]:
    expression = re.compile(r"\$\{\{ *(\S+) *\}\}")
    return {name: expression.sub(lambda found: values[found[1]], value) for name, value in variables.items()}


def _take_lines(path: str | None) -> list[str]:
    if path is None or not os.path.exists(path):
        return []
    lines = Path(path).read_text("utf-8").splitlines()
    os.remove(path)
    return lines


def make_programs(directory: Path) -> Path:
    directory.mkdir()
    for name, command in IMAGE_PROGRAMS.items():
        program = directory / name
        program.write_text(f'#!/bin/sh\nexec {shlex.join(command)} "$@"\n')
        program.chmod(0o700)
    return directory


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
