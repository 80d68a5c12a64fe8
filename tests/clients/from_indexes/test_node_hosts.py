"""The hosts that google-auth-library for Node asks for a token, with each kind of credential on localhost.

docs/credentials.md has the same list: outside of `gcr-emulator run` some credentials are sent to Google.
"""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
import requests
from clients.command import Client
from clients.emulator_run import GCR_EMULATOR
from clients.from_indexes.conftest import Find

from docker_credential_gcr.pytest_plugin import GcrEmulator

# Replaces the resolver: no name resolves, and each name that was asked for is printed.
LEAD_NOWHERE = """
const dns = require("dns"), asked = new Set();
dns.lookup = (host, options, callback = options) => {
  asked.add(host);
  process.nextTick(callback, Object.assign(new Error("names lead nowhere"), {code: "ENOTFOUND"}));
};
process.on("exit", () => console.log(JSON.stringify([...asked])));
"""
SIGN_IN = """
const {GoogleAuth} = require("google-auth-library");
const auth = new GoogleAuth({scopes: "https://www.googleapis.com/auth/cloud-platform"});
auth.getAccessToken().then(console.log).catch(console.error);
"""
HOSTS = {
    "service_account": "oauth2.googleapis.com",
    "authorized_user": "oauth2.googleapis.com",
    "impersonated_service_account": "oauth2.googleapis.com",
    "external_account": "localhost",
}


@pytest.fixture
def node(find_installed: Find, require_program: Find, environ: dict[str, str]) -> Client:
    return Client(require_program("node"), environ | {"NODE_PATH": find_installed("node/node_modules")})


@pytest.fixture
def create(gcr_emulator: GcrEmulator, place: Path) -> Callable[[str], Path]:
    """Creates the credential of a kind on localhost."""

    def make(kind: str) -> Path:
        gcr_emulator.project()
        made = ("--server", gcr_emulator.url, "--type", kind, "--output", place / "credentials")
        subprocess.run([*GCR_EMULATOR, "credentials", "create", *made], check=True, capture_output=True)
        return place / "credentials"

    return make


@pytest.mark.parametrize("kind", HOSTS, ids=lambda kind: f"J-Z63-{kind}")
def test_node_asks_google_but_for_an_external_account(
    node: Client, create: Callable[[str], Path], kind: str
) -> None:
    outcome = node("-e", LEAD_NOWHERE + SIGN_IN, GOOGLE_APPLICATION_CREDENTIALS=str(create(kind)))

    assert json.loads(outcome.stdout) == [HOSTS[kind]], outcome.stderr


def test_j_z63_node_has_its_token_from_the_metadata_server_of_the_emulator(
    node: Client, create: Callable[[str], Path], gcr_emulator: GcrEmulator
) -> None:
    lines = create("metadata").read_text().splitlines()
    settings = dict(line.split("=", 1) for line in lines if not line.startswith("#"))

    token = node.succeed("-e", SIGN_IN, **settings).strip()

    answer = requests.post(f"{gcr_emulator.url}/tokeninfo", data={"access_token": token}, timeout=30)
    assert answer.json()["scope"] == "https://www.googleapis.com/auth/cloud-platform"
