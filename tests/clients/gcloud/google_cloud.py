"""gcloud, gsutil, skopeo, podman and docker in a `gcr-emulator run`, for users with different roles."""

import base64
import json
import os
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from clients.emulator_run import GCR_EMULATOR, Inside
from support.child_processes import Outcome

PROJECT = "my-project"
# https://cloud.google.com/container-registry/docs/overview#domain-scoped_projects
DOMAIN_PROJECT = "example.com:domain-project"
# The registries to which every user is logged in.
HOSTS = ("gcr.io", "us-docker.pkg.dev", "europe-west1-docker.pkg.dev")
INSTALL = "{} is not installed: https://cloud.google.com/sdk/docs/install"


def skip_without_google_cloud() -> None:
    """Skips where gcloud is missing, in CI too, because no distribution has it; and users other than root."""
    for program in ("gcloud", "gsutil"):
        if shutil.which(program) is None:
            pytest.skip(INSTALL.format(program))
    if os.geteuid() != 0:
        pytest.skip("entering the namespaces of another process needs root")


@dataclass(frozen=True)
class GoogleCloud:
    """A machine on which Google is the emulator; `who` is a user of `make_person`, or any other name."""

    place: Path
    inside: Inside

    def __call__(self, who: str, *command: object, stdin: str = "", **environ: str) -> Outcome:
        """Runs a command as a user."""
        return self.inside.call({**self.settings(who), **environ}, *command, stdin=stdin)

    def succeed(self, who: str, *command: object, stdin: str = "", **environ: str) -> str:
        """Returns the command's output. Raises AssertionError when it fails."""
        outcome = self(who, *command, stdin=stdin, **environ)
        if outcome.status != 0:
            raise AssertionError(f"{command}: {outcome}")
        return outcome.stdout

    def load(self, who: str, *command: object, **environ: str) -> Any:
        """Returns what gcloud prints as JSON."""
        return json.loads(self.succeed(who, *command, "--format=json", **environ))

    def refuse(self, who: str, *command: object) -> list[str]:
        """Returns the lines of the command's stderr. Raises AssertionError unless it exits with 1."""
        outcome = self(who, *command)
        if outcome.status != 1:
            raise AssertionError(f"{command}: {outcome}")
        return outcome.lines

    def key(self, who: str) -> Path:
        return self.place / f"{who}.json"

    def settings(self, who: str) -> dict[str, str]:
        """Returns variables: a home, and gcloud's key file, if any. gsutil needs an activated account."""
        home = self.place / who
        own = {"CLOUDSDK_AUTH_CREDENTIAL_FILE_OVERRIDE": str(self.key(who))} if self.key(who).exists() else {}
        return own | {
            "HOME": str(home),
            "CLOUDSDK_CONFIG": str(home / "gcloud"),
            "CLOUDSDK_CORE_DISABLE_PROMPTS": "1",
            "CLOUDSDK_CORE_PROJECT": PROJECT,
            "REGISTRY_AUTH_FILE": str(home / "config.json"),
            "DOCKER_CONFIG": str(home),
            **({"DOCKER_HOST": self.inside.words[0]} if self.inside.words else {}),
        }

    def make_person(self, who: str, *roles: str, project: str = PROJECT) -> None:
        """Creates an account and its key, whose token endpoint is Google's, and logs in with it."""
        (self.place / who).mkdir()
        account = ("--project", project, "--account", who, "--token-uri", "google")
        granted = [word for role in roles for word in ("--role", role)]
        self.succeed(who, *GCR_EMULATOR, "key", "create", *account, *granted, "--output", self.key(who))
        auth = base64.b64encode(f"_json_key:{self.key(who).read_text()}".encode()).decode()
        logins = {"auths": {host: {"auth": auth} for host in HOSTS}}
        (self.place / who / "config.json").write_text(json.dumps(logins))

    def push(self, who: str, layout: Path, image: str) -> None:
        self.succeed(who, "skopeo", "copy", f"oci:{layout}", f"docker://{image}")

    def transfer(self, who: str, verb: str, base: str, *arguments: object) -> Any:
        """Pushes to or pulls from a project with clients.gcloud.transfer; returns what it prints."""
        key = self.key(who) if self.key(who).exists() else "-"
        module = (sys.executable, "-B", "-m", "clients.gcloud.transfer")
        return json.loads(self.succeed(who, *module, verb, key, base, *arguments))

    def set_bucket_policy(self, bucket: str, *bindings: dict[str, Any]) -> None:
        """Grants roles on the bucket, in addition to those of the project."""
        self.operate("PUT", f"storage/v1/b/{bucket}/iam", {"bindings": bindings})

    def operate(self, method: str, path: str, document: object) -> None:
        """Sends a request as the operator of the emulator."""
        url = f"{self.inside.environ['GCR_EMULATOR_URL']}/{path}"
        sent = (
            "--request",
            method,
            "--header",
            "Content-Type: application/json",
            "--data",
            json.dumps(document),
        )
        self.succeed("operator", "curl", "-sS", "--fail", *sent, url)
