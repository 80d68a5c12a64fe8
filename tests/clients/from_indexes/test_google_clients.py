"""Libraries and programs for Google's APIs that share no code with google-auth, at Google's own names.

They sign in with a key of a service account; google-auth-library for Node, gcloud-aio-auth and googleauth for
Ruby name no key in the JWTs that they sign.
"""

import base64
import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
from clients.emulator_run import GCR_EMULATOR
from clients.from_indexes.conftest import BUCKET, Find
from clients.gcloud.google_cloud import GoogleCloud

TOKENINFO = "https://oauth2.googleapis.com/tokeninfo"
SCOPE = "https://www.googleapis.com/auth/cloud-platform"


def format_node(body: str) -> str:
    """Returns a program for Node that runs the body, and exits with 1 where the body fails."""
    return f"""
const {{GoogleAuth}} = require("google-auth-library");
const {{Storage}} = require("@google-cloud/storage");
const auth = new GoogleAuth({{scopes: "{SCOPE}"}});
const print = (value) => console.log(JSON.stringify(value));
const main = async () => {{ {body} }};
main().catch((error) => {{ console.error(error); process.exit(1); }});
"""


ACCESS_TOKEN = format_node("print(await auth.getAccessToken());")
TOKEN_INFO = format_node("""
  const client = await auth.getClient();
  print(await client.getTokenInfo((await client.getAccessToken()).token));
""")
ID_TOKEN = format_node("""
  const client = await auth.getIdTokenClient("https://run.example");
  print(Object.fromEntries(await client.getRequestHeaders()));
""")
DOWNLOAD = format_node(f"""
  const [files] = await new Storage().bucket("{BUCKET}").getFiles({{prefix: "containers/images/"}});
  const read = async (file) => [file.name, (await file.download())[0].toString("base64")];
  print(Object.fromEntries(await Promise.all(files.map(read))));
""")
GCLOUD_AIO = f"""
import asyncio, json, os
from gcloud.aio.auth import Token

async def main():
    async with Token(os.environ["GOOGLE_APPLICATION_CREDENTIALS"], scopes=["{SCOPE}"]) as token:
        print(json.dumps(await token.get()))

asyncio.run(main())
"""
RUBY = f"""
require "googleauth"
require "json"
puts Google::Auth.get_application_default("{SCOPE}").fetch_access_token!["access_token"].to_json
"""
SIGN_IN = {
    "F-Z28-google-auth-library": ("node", "-e", ACCESS_TOKEN),
    "F-Z28-gcloud-aio-auth": ("python/bin/python", "-c", GCLOUD_AIO),
    "F-Z28-ruby-googleauth": ("ruby", "-e", RUBY),
}


class Owner:
    """The clients as the owner calls them, with the owner's key in GOOGLE_APPLICATION_CREDENTIALS."""

    def __init__(self, google: GoogleCloud, find_installed: Find, require_program: Find) -> None:
        self.google, self._find, self._require = google, find_installed, require_program
        self.key = google.key("owner")

    def succeed(self, program: str, *arguments: object, credentials: Path | None = None) -> str:
        """Returns the output of a program on PATH or, if its name has a slash, below .nox/index-clients/."""
        path = self._find(program) if "/" in program else self._require(program)
        environ = {"GOOGLE_APPLICATION_CREDENTIALS": str(credentials or self.key)}
        if program == "node":
            environ["NODE_PATH"] = self._find("node/node_modules")
        return self.google.succeed("owner", path, *arguments, **environ)

    def load(self, *command: object, credentials: Path | None = None) -> Any:
        """Returns the JSON that the command prints."""
        program, *arguments = command
        return json.loads(self.succeed(str(program), *arguments, credentials=credentials))

    def is_owners(self, token: str) -> bool:
        """Returns whether Google knows the access token as the owner's."""
        answer = self.load("curl", "--silent", "--data", f"access_token={token}", TOKENINFO)
        return bool(answer.get("azp") == json.loads(self.key.read_text())["client_id"])


@pytest.fixture
def owner(google: GoogleCloud, find_installed: Find, require_program: Find) -> Owner:
    return Owner(google, find_installed, require_program)


@pytest.mark.parametrize("command", SIGN_IN.values(), ids=SIGN_IN)
def test_a_jwt_that_names_no_key_signs_in(owner: Owner, command: tuple[str, ...]) -> None:
    assert owner.is_owners(owner.load(*command))


def test_f_z33_node_describes_the_token_of_its_header(owner: Owner) -> None:
    described = owner.load("node", "-e", TOKEN_INFO)

    assert (described["scopes"], described["azp"]) == (
        [SCOPE],
        json.loads(owner.key.read_text())["client_id"],
    )


def test_f_z34_node_gets_an_id_token_of_a_login(owner: Owner) -> None:
    login = owner.google.place / "login.json"
    made = ("--type", "authorized_user", "--token-uri", "google", "--output", login, "--force")
    owner.google.succeed("owner", *GCR_EMULATOR, "credentials", "create", *made)

    headers = owner.load("node", "-e", ID_TOKEN, credentials=login)

    token = headers.pop("authorization").removeprefix("Bearer ")
    described = owner.load("curl", "--silent", f"{TOKENINFO}?id_token={token}")
    assert (headers, described["email"]) == ({}, "ci@example.com")


def test_g_z42_node_downloads_objects_and_finds_their_hashes_right(owner: Owner) -> None:
    downloaded = owner.load("node", "-e", DOWNLOAD)

    assert {name: base64.b64decode(data) for name, data in downloaded.items()} == {
        f"containers/images/sha256:{blob.name}": blob.read_bytes() for blob in find_blobs(owner.google.place)
    }


def test_g_z42_rclone_lists_the_md5_of_objects_and_copies_them(owner: Owner, tmp_path: Path) -> None:
    source = f":gcs,service_account_file='{owner.key}',bucket_policy_only:{BUCKET}/containers/images"
    rclone = ("python/bin/rclone", "--config", tmp_path / "rclone.conf")

    listed = owner.succeed(*rclone, "md5sum", source)
    owner.succeed(*rclone, "copy", source, tmp_path / "copied")

    blobs = {f"sha256:{blob.name}": blob.read_bytes() for blob in find_blobs(owner.google.place)}
    assert dict(reversed(line.split()) for line in listed.splitlines()) == {
        name: hashlib.md5(data, usedforsecurity=False).hexdigest() for name, data in blobs.items()
    }
    assert {path.name: path.read_bytes() for path in (tmp_path / "copied").iterdir()} == blobs


def test_keyrings_google_artifactregistry_auth_gives_pip_a_token_of_the_key(owner: Owner) -> None:
    index = "https://us-python.pkg.dev/my-project/wheels/simple/"

    printed = owner.succeed("python/bin/keyring", "--mode", "creds", "get", index, "")

    username, token = printed.splitlines()
    assert (username, owner.is_owners(token)) == ("oauth2accesstoken", True)


def find_blobs(place: Path) -> list[Path]:
    """Returns the configuration and the layer of the image: manifests are not objects of the bucket."""
    manifest = json.loads((place / "layout" / "index.json").read_text())["manifests"][0]["digest"]
    blobs = (place / "layout" / "blobs" / "sha256").iterdir()
    return [blob for blob in blobs if f"sha256:{blob.name}" != manifest]
