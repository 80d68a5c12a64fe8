#!/usr/bin/env python3
"""Creates an OCI image layout, or pushes or pulls one with the credential of Docker's helper.

    _builtin_client.py make DIRECTORY
    _builtin_client.py push DIRECTORY localhost:5000/my-project/hello:1
    _builtin_client.py pull localhost:5000/my-project/hello:1 DIRECTORY
    _builtin_client.py digest DIRECTORY

It finds the helper as Docker does: config.json names it, PATH has it, and it runs as a program.
"""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

sys.dont_write_bytecode = True

from _image import blob_path, load_image, make_layout, save_blob, save_index  # noqa: E402
from _registry_client import Refused, Registry  # noqa: E402

# A helper without a credential prints this; any other text with exit status 1 is a failure.
CREDENTIALS_NOT_FOUND = "credentials not found in native keychain"


class HelperFailed(Exception):
    """The helper that config.json names is missing, or it failed."""


def main(arguments: list[str]) -> int:
    """Runs one of the four commands; prints the manifest's digest."""
    try:
        match arguments:
            case ["make", directory]:
                print(make_layout(Path(directory), os.urandom(32)))
            case ["push", directory, name]:
                print(push(directory, name))
            case ["pull", name, directory]:
                print(pull(name, directory))
            case ["digest", directory]:
                print(load_image(Path(directory))[0]["digest"])
            case _:
                print(__doc__, file=sys.stderr)
                return 2
    except (Refused, HelperFailed, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def push(directory: str, name: str) -> str:
    """Pushes the layout's image; returns its digest."""
    registry, repository, tag = _connect(name)
    descriptor, manifest = load_image(Path(directory))
    for blob in _blobs(manifest):
        registry.push_blob(repository, blob_path(Path(directory), blob["digest"]).read_bytes())
    return registry.push_manifest(repository, tag, manifest, descriptor["mediaType"])


def pull(name: str, directory: str) -> str:
    """Pulls the image into a new layout; returns its digest."""
    registry, repository, tag = _connect(name)
    manifest, media_type = registry.pull_manifest(repository, tag)
    for blob in _blobs(manifest):
        data = registry.pull_blob(repository, blob["digest"])
        save_blob(Path(directory), data, blob["mediaType"])
    return save_index(Path(directory), manifest, media_type)


def find_credential(host: str, environ: Mapping[str, str] = os.environ) -> tuple[str, str] | None:
    """Asks the helper that config.json names for the host; returns (user name, secret), or None."""
    home = Path(environ.get("DOCKER_CONFIG") or Path(environ["HOME"], ".docker"))
    helpers = json.loads((home / "config.json").read_bytes()).get("credHelpers", {})
    if host not in helpers:
        return None
    program = f"docker-credential-{helpers[host]}"
    path = shutil.which(program, path=environ.get("PATH"))
    if path is None:
        raise HelperFailed(f"{program}, which {home / 'config.json'} names for {host}, is not on PATH")
    done = subprocess.run(
        [path, "get"], input=host.encode(), stdout=subprocess.PIPE, env=environ, check=False
    )
    if done.returncode != 0:
        answer = done.stdout.decode(errors="replace").strip()
        if answer == CREDENTIALS_NOT_FOUND:
            return None
        raise HelperFailed(f"{program}: {answer}")
    credential = json.loads(done.stdout)
    return credential["Username"], credential["Secret"]


def _connect(name: str) -> tuple[Registry, str, str]:
    host, _, path = name.partition("/")
    repository, _, tag = path.rpartition(":")
    registry = Registry(host, find_credential(host))
    registry.ping()
    return registry, repository, tag


def _blobs(manifest: bytes) -> list[dict[str, str]]:
    document = json.loads(manifest)
    return [document["config"], *document["layers"]]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
