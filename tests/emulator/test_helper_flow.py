"""The emulator's key, the helper as Docker runs it, and the registry: the whole path of a credential."""

import json
import os
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

import pytest
import requests
from support.child_processes import running

PROGRAMS = Path(sys.executable).parent


class Helper:
    """The helper as a program, in a separate environment."""

    def __init__(self, emulator, key, folder):
        self.environ = {
            "PATH": f"{PROGRAMS}{os.pathsep}{os.environ['PATH']}",
            "HOME": str(folder),
            "DOCKER_CONFIG": str(folder / "docker"),
        }
        self.registry = emulator.registry
        source = f"file:{key}"
        done = self.run("configure-docker", "--registries", self.registry, "--token-source", source)
        assert done.returncode == 0, done.stderr

    def run(self, *arguments, given="", **environ):
        command = [str(PROGRAMS / "docker-credential-gcr"), *arguments]
        return subprocess.run(
            command,
            input=given,
            capture_output=True,
            text=True,
            env={**self.environ, **environ},
            timeout=60,
            check=False,
        )

    def get(self, host=None, **environ):
        """Returns the exit status, stdout and stderr of `get`."""
        done = self.run("get", given=host or self.registry, **environ)
        return done.returncode, done.stdout, done.stderr


@pytest.fixture
def key(gcr_emulator):
    return gcr_emulator.key("roles/editor")


@pytest.fixture
def helper(gcr_emulator, key, tmp_path):
    return Helper(gcr_emulator, key, tmp_path)


def token_requests(gcr_emulator):
    return [entry["status"] for entry in gcr_emulator.journal() if entry["path"] == "/token"]


def test_docker_is_configured_to_ask_this_helper(helper):
    config = json.loads(Path(helper.environ["DOCKER_CONFIG"], "config.json").read_text())
    assert config == {"credHelpers": {helper.registry: "gcr"}}
    assert json.loads(helper.run("list").stdout) == {helper.registry: "oauth2accesstoken"}


def test_credential_opens_the_registry(gcr_emulator, helper):
    status, out, err = helper.get()
    credential = json.loads(out)
    assert (status, err) == (0, "")
    assert credential == {
        "ServerURL": gcr_emulator.registry,
        "Username": "oauth2accesstoken",
        "Secret": credential["Secret"],
    }
    answer = requests.get(
        f"{gcr_emulator.url}/v2/token",
        params={"service": gcr_emulator.registry, "scope": "repository:my-project/app:push,pull"},
        auth=(credential["Username"], credential["Secret"]),
        timeout=30,
    )
    assert answer.status_code == 200


def test_second_get_sends_no_request(gcr_emulator, helper):
    first, second = helper.get(), helper.get()
    assert first == second
    assert token_requests(gcr_emulator) == [200]


def test_fifty_parallel_gets_buy_one_token(gcr_emulator, helper):
    # A longer limit than usual: fifty interpreters start at once.
    options = {"env": helper.environ | {"DOCKER_CREDENTIAL_GCR_TIMEOUT": "120"}}
    options |= {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with ExitStack() as stack:
        command = [PROGRAMS / "docker-credential-gcr", "get"]
        processes = [stack.enter_context(running(command, **options)) for _ in range(50)]
        for process in processes:
            process.stdin.write(helper.registry)
            process.stdin.close()
        answers = {(process.stdout.read(), process.stderr.read()) for process in processes}
    ((out, err),) = answers
    assert (json.loads(out)["ServerURL"], err) == (helper.registry, "")
    assert token_requests(gcr_emulator) == [200]


@pytest.mark.parametrize("host", ["gcr.io", "https://index.docker.io/v1/", "localhost:1"])
def test_emulators_key_gives_nothing_for_other_hosts(gcr_emulator, helper, host):
    assert helper.get(host) == (1, "credentials not found in native keychain\n", "")
    assert token_requests(gcr_emulator) == []


def test_account_that_is_gone_is_said_in_googles_words(gcr_emulator, key, helper):
    email = json.loads(key.read_text())["client_email"]
    account = f"{gcr_emulator.url}/v1/projects/my-project/serviceAccounts/{email}"
    requests.delete(account, timeout=30).raise_for_status()
    registry = gcr_emulator.registry
    status, out, err = helper.get()
    assert (status, out) == (
        1,
        f"no access token for {registry}: file: {registry} answered 400: invalid_grant: "
        "Invalid grant: account not found\n",
    )
    assert err == (
        f"docker-credential-gcr: {out}"
        "hint: check that the key and its service account still exist, and that the clock is right\n"
    )


def test_token_endpoint_that_is_busy_is_asked_again(gcr_emulator, helper):
    gcr_emulator.faults.set({"path": "/token", "status": 503, "times": 1, "headers": {"Retry-After": "0"}})
    assert helper.get()[0] == 0
    assert token_requests(gcr_emulator) == [503, 200]


def test_fixture_configures_docker_and_the_helper_by_itself(gcr_emulator):
    config = json.loads((gcr_emulator.docker_config / "config.json").read_text())
    assert config == {"credHelpers": {gcr_emulator.registry: "gcr"}}
    command = ["docker-credential-gcr", "get"]
    done = subprocess.run(command, input=gcr_emulator.registry, capture_output=True, text=True, check=True)
    assert json.loads(done.stdout)["Username"] == "oauth2accesstoken"


@pytest.mark.parametrize(("scopes", "push"), [(["cloud-platform"], 200), (["devstorage.read_only"], 403)])
def test_machines_token_opens_what_its_access_scopes_allow(gcr_emulator, helper, scopes, push):
    account = "ci@my-project.iam.gserviceaccount.com"
    gcr_emulator.metadata.set(account=account, scopes=scopes)
    environ = {**gcr_emulator.metadata.environ, "DOCKER_CREDENTIAL_GCR_TOKEN_SOURCE": "metadata"}

    status, out, err = helper.get(**environ)

    assert (status, err) == (0, "")
    credential = json.loads(out)
    answers = [
        requests.get(
            f"{gcr_emulator.url}/v2/token",
            params={"scope": f"repository:my-project/app:{actions}"},
            auth=(credential["Username"], credential["Secret"]),
            timeout=30,
        ).status_code
        for actions in ("pull", "pull,push")
    ]
    assert answers == [200, push]


def test_no_machine_is_no_credential_where_a_ping_decides(gcr_emulator, helper):
    environ = {
        **gcr_emulator.metadata.environ,
        "METADATA_SERVER_DETECTION": "ping-only",
        "DOCKER_CREDENTIAL_GCR_TOKEN_SOURCE": "env",
    }

    status, out, _ = helper.get(**environ)

    assert (status, "there is no metadata server" in out) == (1, True)
    gcr_emulator.metadata.set(account="ci@my-project.iam.gserviceaccount.com")
    assert helper.get(**environ)[0] == 0
