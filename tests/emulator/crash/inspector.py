"""Inspects a registry after a crash: prints each difference from the facts in a pusher's record.

    inspector.py REGISTRY KEY RECORD FIRST

FIRST is the number of facts that were inspected before; with 0 every tag of every repository is
pulled too, otherwise only those that are not in the record.
"""

import json
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from _image import digest_of
from _registry_client import Refused, Registry

REPOSITORIES = ("crash-project/image-0", "crash-project/image-1", "crash-project/image-2")


def main(host: str, key: str, record: str, first: str) -> int:
    """Prints one line for each difference."""
    registry = Registry(host, ("_json_key", Path(key).read_text()))
    facts = [line.split() for line in Path(record).read_text().splitlines()]
    known = {(fact[1], fact[3]) for fact in facts if fact[0] == "manifest" and int(first)}
    for losses in (find_losses(registry, facts[int(first) :]), find_broken_tags(registry, known)):
        for loss in losses:
            sys.stdout.write(f"{loss}\n")
    return 0


def find_losses(registry: Registry, facts: list[list[str]]) -> Iterator[str]:
    """Yields the differences between the facts and the registry."""
    # While a deletion is requested and not acknowledged, the image may exist or not.
    forgotten = {tuple(words) for kind, *words in facts if kind == "forget"}
    for kind, *words in facts:
        match kind, words:
            case "begin" | "blob", [repository, digest]:
                # The collection deletes a whole blob that no manifest names.
                yield from find_partial_blob(registry, repository, digest)
            case "manifest", [repository, digest, tag] if tuple(words) not in forgotten:
                yield from find_broken_image(registry, repository, digest)
                yield from find_broken_image(registry, repository, tag, digest)
            case "gone", [repository, digest, tag]:
                yield from find_undead(registry, repository, digest, tag)


def find_undead(registry: Registry, repository: str, *references: str) -> Iterator[str]:
    """Yields the references to a manifest that still exists after its acknowledged deletion."""
    for reference in references:
        with suppress(Refused):
            registry.pull_manifest(repository, reference)
            yield f"undead: {repository} {reference}"


def find_partial_blob(registry: Registry, repository: str, digest: str) -> Iterator[str]:
    """Yields the blob if it is neither complete nor absent."""
    try:
        registry.pull_blob(repository, digest)
    except Refused as refusal:
        if refusal.status != 404:
            yield f"partial: {repository} {digest}: {refusal}"


def list_tags(registry: Registry, repository: str) -> dict[str, Any]:
    """Returns the response of tags/list; {} for an unknown repository."""
    path = f"/v2/{repository}/tags/list"
    answer = registry.ask("GET", path, f"repository:{repository}:pull", 200, 404)
    return dict(json.loads(answer.body)) if answer.status == 200 else {}


def find_broken_tags(registry: Registry, known: set[tuple[str, str]]) -> Iterator[str]:
    """Yields the faults of the listed images that are not `known`: each must be pulled completely."""
    for repository in REPOSITORIES:
        listed = list_tags(registry, repository)
        unknown = [tag for tag in listed.get("tags", []) if (repository, tag) not in known]
        digests = [d for d, image in listed.get("manifest", {}).items() if set(image["tag"]) & set(unknown)]
        for reference in [*unknown, *digests]:
            yield from find_broken_image(registry, repository, reference)


def find_broken_image(registry: Registry, repository: str, reference: str, digest: str = "") -> Iterator[str]:
    """Yields the faults of an image: a manifest that is absent or has another digest, an incomplete blob."""
    try:
        data, _ = registry.pull_manifest(repository, reference)
        document = json.loads(data)
        if digest and digest_of(data) != digest:
            yield f"moved: {repository} {reference} is no longer {digest}"
        for blob in (document["config"], *document["layers"]):
            size = len(registry.pull_blob(repository, blob["digest"]))
            if size != blob["size"]:
                yield f"broken: {repository} {reference}: {blob['digest']} has {size} of {blob['size']} bytes"
    except Refused as refusal:
        yield f"lost: {repository} {reference}: {refusal}"


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
