"""Looks for everything that a pusher's record says was acknowledged, and prints what is not as it must be.

    inspector.py REGISTRY KEY RECORD FIRST

FIRST is the number of facts that were looked at before; with 0 every tag of every repository is
pulled too, otherwise only those that the record does not know.
"""

import json
import sys
from collections.abc import Iterator
from pathlib import Path

from _registry_client import Refused, Registry

REPOSITORIES = ("crash-project/image-0", "crash-project/image-1", "crash-project/image-2")


def main(host: str, key: str, record: str, first: str) -> int:
    """Print one line for each loss."""
    registry = Registry(host, ("_json_key", Path(key).read_text()))
    facts = [line.split() for line in Path(record).read_text().splitlines()]
    known = {(fact[1], fact[3]) for fact in facts if fact[0] == "manifest" and int(first)}
    for losses in (find_losses(registry, facts[int(first) :]), find_broken_tags(registry, known)):
        for loss in losses:
            sys.stdout.write(f"{loss}\n")
    return 0


def find_losses(registry: Registry, facts: list[list[str]]) -> Iterator[str]:
    """What the facts promise and the registry does not keep."""
    for kind, *words in facts:
        try:
            match kind, words:
                case "begin", [repository, digest]:
                    yield from find_partial_blob(registry, repository, digest)
                case "blob", [repository, digest]:
                    registry.pull_blob(repository, digest)
                case "manifest", [repository, digest, tag]:
                    by_digest, _ = registry.pull_manifest(repository, digest)
                    by_tag, _ = registry.pull_manifest(repository, tag)
                    if by_digest != by_tag:
                        yield f"moved: {repository}:{tag} is no longer {digest}"
        except Refused as refusal:
            yield f"lost: {kind} {' '.join(words)}: {refusal}"


def find_partial_blob(registry: Registry, repository: str, digest: str) -> Iterator[str]:
    """A blob whose upload may not have ended is whole, or is not there."""
    size = registry.find_blob_size(repository, digest)
    if size is not None and len(registry.pull_blob(repository, digest)) != size:
        yield f"partial: {repository} {digest} is said to have {size} bytes"


def find_broken_tags(registry: Registry, known: set[tuple[str, str]]) -> Iterator[str]:
    """What tags/list names pulls, with everything that it names in turn."""
    for repository in REPOSITORIES:
        listed = registry.list_tags(repository)
        unknown = [tag for tag in listed.get("tags", []) if (repository, tag) not in known]
        digests = [d for d, image in listed.get("manifest", {}).items() if set(image["tag"]) & set(unknown)]
        for reference in [*unknown, *digests]:
            yield from find_broken_image(registry, repository, reference)


def find_broken_image(registry: Registry, repository: str, reference: str) -> Iterator[str]:
    """The manifest pulls, and each of its blobs has the size that the manifest says."""
    try:
        document = json.loads(registry.pull_manifest(repository, reference)[0])
    except Refused as refusal:
        yield f"broken: {repository} {reference} is listed: {refusal}"
        return
    for blob in (document["config"], *document["layers"]):
        size = registry.find_blob_size(repository, blob["digest"])
        if size != blob["size"]:
            yield f"broken: {repository} {reference}: {blob['digest']} has {size} of {blob['size']} bytes"


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
