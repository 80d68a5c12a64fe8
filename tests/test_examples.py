"""Pipelines of examples/ work unchanged: their steps push an image in a sandbox where Google is the emulator.

scripts/test names the wheel that it built in GCR_TEST_WHEEL; without it this module builds one.
"""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest
from _distributions import write_requirements
from support.checkout import ROOT, TESTS
from support.google_sandbox import run_in_sandbox

EXAMPLES = ROOT / "examples"
RUNNER = TESTS / "support" / "ci" / "runner.py"
# The examples expect the files of scripts/build here.
FOLDER = Path("third_party", "docker-credential-gcr")
COMMIT = "0123456789abcdef0123456789abcdef01234567"
LIMIT_S = 280
# In a JSON key; a library may hold the first words alone.
PRIVATE_KEY = re.compile(rb"-----BEGIN PRIVATE KEY-----\\n[\w+/]{60}")

GITHUB_PROGRAMS: list[list[str]] = []
GITLAB_PROGRAMS = [["apk", "add", "--no-cache", "python3", "py3-pip"]]


class Pushed(NamedTuple):
    """The image that an example pushes, and the programs that it installs before."""

    image: str
    installed: list[list[str]]

    def calls(self) -> list[dict[str, object]]:
        """Returns all calls of the programs of the job's image."""
        return [
            *({"call": command} for command in self.installed),
            {"call": ["docker", "build", "--tag", self.image, "."]},
            {"call": ["docker", "push", self.image], "user": "oauth2accesstoken", "mode": "0o600"},
        ]


PUSHED = {
    "github-workflow.yml": Pushed(f"gcr.io/my-project/hello:{COMMIT}", GITHUB_PROGRAMS),
    "github-workload-identity.yml": Pushed(
        f"us-docker.pkg.dev/my-project/images/hello:{COMMIT}", GITHUB_PROGRAMS
    ),
    "gitlab-ci.yml": Pushed(f"gcr.io/my-project/hello:{COMMIT[:8]}", GITLAB_PROGRAMS),
    "gitlab-artifact-registry.yml": Pushed(
        f"europe-docker.pkg.dev/my-project/images/hello:{COMMIT[:8]}", GITLAB_PROGRAMS
    ),
}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Returns the wheel of scripts/test, or builds one from a copy: a build writes into its directory."""
    built = os.environ.get("GCR_TEST_WHEEL")
    if built:
        return Path(built)
    directory = tmp_path_factory.mktemp("wheel")
    leave = shutil.ignore_patterns(".*", "__pycache__", "*.egg-info", "build", "dist")
    source = shutil.copytree(ROOT, directory / "source", ignore=leave)
    pip("wheel", "--no-deps", "--wheel-dir", directory, source)
    return next(directory.glob("*.whl"))


@pytest.fixture(scope="module")
def folder(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Returns the directory that a user commits in the repository."""
    folder = tmp_path_factory.mktemp("folder")
    shutil.copy(wheel, folder)
    write_requirements(wheel, folder / "requirements.txt")
    return folder


@pytest.fixture(scope="module")
def downloads(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Returns the directory of packages from which pip installs without an index."""
    downloads = tmp_path_factory.mktemp("downloads")
    locked = ("--require-hashes", "--requirement", folder / "requirements.txt", "--find-links", folder)
    pip("download", "--no-deps", *locked, "--dest", downloads)
    (downloads / next(folder.glob("*.whl")).name).unlink()  # pip takes this one from the folder
    return downloads


def pip(*arguments: object) -> None:
    command = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=LIMIT_S)
    assert done.returncode == 0, done.stdout + done.stderr


class Sandbox:
    """A user's repository and a job's home, in which pip has only the downloaded packages."""

    def __init__(self, place: Path, folder: Path, downloads: Path) -> None:
        self.home = place / "home"
        self.checkout = place / "checkout"
        self.home.mkdir()
        shutil.copytree(folder, self.checkout / FOLDER)
        (self.checkout / "Dockerfile").write_text("FROM scratch\n")
        self._settings = {
            "PIP_NO_INDEX": "1",
            "PIP_FIND_LINKS": str(downloads),
            "PIP_CONFIG_FILE": os.devnull,
            "PIP_DISABLE_PIP_VERSION_CHECK": "1",
            "PIP_NO_COMPILE": "1",  # compiling all modules takes long, and few are imported here
        }

    def run(self, example: str, *, role: str = "roles/editor") -> "subprocess.CompletedProcess[str]":
        """Runs all jobs of the example with an account that has the role."""
        command = [sys.executable, RUNNER, EXAMPLES / example, role]
        return run_in_sandbox(command, home=self.home, cwd=self.checkout, settings=self._settings)

    def calls(self) -> list[dict[str, object]]:
        """Returns the calls of docker and apk."""
        return [json.loads(line) for line in (self.home / "calls.jsonl").read_text().splitlines()]

    def find_private_keys(self) -> list[str]:
        """Returns the files that hold the job's service account key."""
        files = [path for path in self.home.parent.rglob("*") if path.is_file()]
        return [str(path) for path in files if PRIVATE_KEY.search(path.read_bytes())]


@pytest.fixture
def sandbox(tmp_path: Path, folder: Path, downloads: Path) -> Sandbox:
    return Sandbox(tmp_path, folder, downloads)


def test_every_example_has_a_test() -> None:
    of_several_servers = {path.name for path in EXAMPLES.glob("*-scale.yml")}  # test_scale_examples.py

    assert {path.name for path in EXAMPLES.glob("*.yml")} - of_several_servers == PUSHED.keys()


@pytest.mark.in_turn
@pytest.mark.parametrize("example", sorted(PUSHED))
def test_d01_an_example_installs_what_it_pins_pushes_and_leaves_no_key(
    example: str, sandbox: Sandbox
) -> None:
    done = sandbox.run(example)

    assert done.returncode == 0, done.stdout + done.stderr
    assert sandbox.calls() == PUSHED[example].calls()
    assert sandbox.find_private_keys() == []


@pytest.mark.in_turn
@pytest.mark.parametrize("example", ["github-workflow.yml", "gitlab-artifact-registry.yml"])
def test_a_refused_push_fails_the_job_which_still_removes_its_key(example: str, sandbox: Sandbox) -> None:
    done = sandbox.run(example, role="roles/viewer")

    assert done.returncode == 1, done.stdout + done.stderr
    assert re.search(r"^denied: ", done.stderr, re.MULTILINE), done.stderr
    assert sandbox.calls() == PUSHED[example].calls()
    assert sandbox.find_private_keys() == []


@pytest.mark.in_turn
def test_d01_another_wheel_than_the_pinned_one_is_not_installed(sandbox: Sandbox) -> None:
    (wheel,) = (sandbox.checkout / FOLDER).glob("*.whl")
    wheel.write_bytes(wheel.read_bytes() + b"\n")

    done = sandbox.run("github-workflow.yml")

    assert done.returncode == 1
    assert "DO NOT MATCH THE HASHES" in done.stderr
    assert not (sandbox.home / "calls.jsonl").exists()


@pytest.mark.parametrize("example", sorted(PUSHED))
def test_d01_actions_and_images_of_an_example_are_pinned(example: str) -> None:
    text = (EXAMPLES / example).read_text("utf-8")

    actions = re.findall(r"uses: *(\S+)", text)
    images = re.findall(r"\b(docker:[\w.-]+)", text)
    installs = re.findall(r'/pip" (.*) \\$', text, re.MULTILINE)

    assert actions or images
    assert [action for action in actions if not re.fullmatch(r"[\w-]+/[\w-]+@[0-9a-f]{40}", action)] == []
    assert [image for image in images if not re.fullmatch(r"docker:\d+\.\d+\.\d+(-dind)?", image)] == []
    assert installs == ["install --require-hashes"]
