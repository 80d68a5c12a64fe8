"""Calls of the helper by each command: their number and arguments, which docs/clients.md shows to users."""

import json
from pathlib import Path

import pytest

from docker_credential_gcr.pytest_plugin import GcrEmulator

# command: the calls, in order. IMAGE is in the registry and in the client, ABSENT in the registry alone.
DOCKER = {
    "pull IMAGE": ["get REGISTRY"],
    "push IMAGE": ["get REGISTRY"],
    "create ABSENT /none": ["get REGISTRY"],
    "create IMAGE /none": [],
    "manifest inspect --insecure IMAGE": ["get REGISTRY", "get REGISTRY"],
    "search REGISTRY/app": ["get REGISTRY"],
    "build CONTEXT": ["get REGISTRY"],
    "login REGISTRY": ["get REGISTRY", "store REGISTRY"],
    "login http://REGISTRY/v2/": ["get REGISTRY", "store REGISTRY"],
    "login -u _json_key --password-stdin REGISTRY": ["store REGISTRY"],
    "logout REGISTRY": ["erase REGISTRY", "erase REGISTRY"],
    "logout http://REGISTRY": ["erase REGISTRY"],
}
# docker 20.10 writes the token into config.json, under that name, instead of calling `store`.
DOCKER_20 = DOCKER | {"login http://REGISTRY/v2/": ["get REGISTRY"]}

DOCKER_STORE = {
    "pull IMAGE": ["get REGISTRY"],
    "push IMAGE": ["get REGISTRY"],
    "build CONTEXT": [
        "list",
        "get REGISTRY",
        *("get asia-docker.pkg.dev", "get asia.gcr.io", "get eu.gcr.io", "get europe-docker.pkg.dev"),
        *("get gcr.io", "get marketplace.gcr.io", "get us-docker.pkg.dev", "get us.gcr.io"),
    ],
    "login REGISTRY": ["get REGISTRY", "store REGISTRY"],
    "logout REGISTRY": [
        "erase REGISTRY",
        "erase REGISTRY",
        "erase http://REGISTRY",
        "erase https://REGISTRY",
    ],
}

MEMBERS = {
    "login --tls-verify=false REGISTRY": ["get REGISTRY"],
    "login --tls-verify=false -u _json_key --password-stdin REGISTRY": ["get REGISTRY", "store REGISTRY"],
    "login --get-login REGISTRY": ["get REGISTRY"],
    "logout REGISTRY": ["erase REGISTRY"],
    "logout --all": ["erase REGISTRY"],
}
BUILDERS = {
    "push --tls-verify=false IMAGE": ["get REGISTRY"],
    "pull --tls-verify=false ABSENT": ["get REGISTRY"],
    "manifest create several": [],
    "manifest add --tls-verify=false several docker://IMAGE": ["get REGISTRY"],
}
PODMAN = (
    BUILDERS
    | {
        "build --tls-verify=false CONTEXT": [],
        "create --tls-verify=false IMAGE /none": [],
        "search --tls-verify=false --list-tags REPOSITORY": ["get REGISTRY"],
    }
    | MEMBERS
)
# buildah asks the registry for a newer image; podman takes the one that it has.
BUILDAH = BUILDERS | {"build --tls-verify=false CONTEXT": ["get REGISTRY"]} | MEMBERS
SKOPEO = {
    "copy --dest-tls-verify=false oci:LAYOUT docker://IMAGE": ["get REGISTRY"],
    "copy --src-tls-verify=false docker://IMAGE oci:PULLED": ["get REGISTRY"],
    "copy --src-tls-verify=false --dest-tls-verify=false docker://IMAGE docker://ABSENT": ["get REGISTRY"]
    * 2,
    "inspect --tls-verify=false docker://IMAGE": ["get REGISTRY"] * 2,
    "inspect --raw --tls-verify=false docker://IMAGE": ["get REGISTRY"],
    "list-tags --tls-verify=false docker://REPOSITORY": ["get REGISTRY"],
    "delete --tls-verify=false docker://IMAGE": ["get REGISTRY"],
} | MEMBERS


@pytest.fixture
def words(gcr_emulator: GcrEmulator, place: Path, image_maker) -> dict[str, str]:
    """Returns the values of the words in capitals."""
    registry = gcr_emulator.registry
    repository = f"{registry}/my-project/app"
    image_maker.make_layout(place / "layout", b"")
    (place / "context").mkdir()
    (place / "context" / "Dockerfile").write_text(f"FROM {repository}:image\nLABEL second=1\n")
    return {
        "REPOSITORY": repository,
        "IMAGE": f"{repository}:image",
        "ABSENT": f"{repository}:absent",
        "REGISTRY": registry,
        "CONTEXT": str(place / "context"),
        "LAYOUT": str(place / "layout"),
        "PULLED": str(place / "pulled"),
    }


@pytest.fixture
def count(words: dict[str, str], gcr_emulator: GcrEmulator, helper_calls):
    """Returns a function that runs commands, and returns their calls as a table of the same form."""
    key = gcr_emulator.key().read_text()

    def run(client, commands) -> dict[str, list[str]]:
        counted = {}
        for command in commands:
            helper_calls.take()
            client(*(translate(word, words) for word in command.split()), stdin=key)
            calls = [describe(call, words["REGISTRY"]) for call in helper_calls.take()]
            # A legacy build goes through the hosts in any order.
            counted[command] = [calls[0], *sorted(calls[1:])] if calls[:1] == ["list"] else calls
        return counted

    return run


def test_docker(docker, words: dict[str, str], count, layer: Path) -> None:
    provide(docker, words, layer)

    expected = DOCKER_20 if docker.version.startswith("20.") else DOCKER

    assert count(docker, expected) == expected


def test_docker_with_a_credsstore(docker, words: dict[str, str], count, layer: Path) -> None:
    provide(docker, words, layer)
    (Path(docker.environ["DOCKER_CONFIG"]) / "config.json").write_text('{"credsStore": "gcr"}')

    assert count(docker, DOCKER_STORE) == DOCKER_STORE


def test_a_legacy_build_asks_for_every_entry_of_credhelpers(docker, place: Path, helper_calls) -> None:
    hosts = sorted(f"region{number}-docker.pkg.dev" for number in range(96))
    entries = ", ".join(f'"{host}": "gcr"' for host in hosts)
    config = Path(docker.environ["DOCKER_CONFIG"]) / "config.json"
    config.write_text(f'{{"credHelpers": {{{entries}}}}}')
    (place / "Dockerfile").write_text("FROM scratch\nCOPY Dockerfile /\n")

    docker.succeed("build", place, DOCKER_CREDENTIAL_GCR_TOKEN_SOURCE="none")

    assert sorted(helper_calls.take()) == [f"get {host}" for host in hosts]


def test_buildkit_asks_for_the_host_of_the_image_alone(
    docker, words: dict[str, str], helper_calls, layer: Path
) -> None:
    provide(docker, words, layer)
    docker.succeed("rmi", words["IMAGE"])
    add_entry(Path(docker.environ["DOCKER_CONFIG"]) / "config.json", "gcr.io")
    helper_calls.take()

    done = docker("build", words["CONTEXT"], DOCKER_BUILDKIT="1")

    if "buildx component is missing" in done.stderr:
        pytest.skip("this docker has no BuildKit: install its buildx plugin")
    assert (done.status, set(helper_calls.take())) == (0, {f"get {words['REGISTRY']}"})


def test_podman(podman, words: dict[str, str], count, layer: Path) -> None:
    provide(podman, words, layer, "--tls-verify=false")

    assert count(podman, PODMAN) == PODMAN


def test_buildah(find_client, podman, words: dict[str, str], count, layer: Path) -> None:
    provide(podman, words, layer, "--tls-verify=false")  # buildah has no import; they share their storage

    assert count(find_client("buildah"), BUILDAH) == BUILDAH


def test_skopeo(skopeo, count) -> None:
    assert count(skopeo, SKOPEO) == SKOPEO


def provide(client, words: dict[str, str], layer: Path, *options: str) -> None:
    """Pushes both images, and keeps one of them in the client."""
    client.succeed("import", layer, words["IMAGE"])
    client.succeed("tag", words["IMAGE"], words["ABSENT"])
    client.succeed("push", *options, words["IMAGE"])
    client.succeed("push", *options, words["ABSENT"])
    client.succeed("rmi", words["ABSENT"])


def add_entry(config: Path, host: str) -> None:
    """Configures the helper for one more host."""
    document = json.loads(config.read_text())
    document["credHelpers"][host] = "gcr"
    config.write_text(json.dumps(document))


def translate(word: str, words: dict[str, str]) -> str:
    for name, value in words.items():
        word = word.replace(name, value)
    return word


def describe(call: str, registry: str) -> str:
    """Returns the call as the tables have it: of a stored credential, the registry only."""
    verb, _, given = call.partition(" ")
    if verb == "store":
        given = registry if f'"ServerURL":"{registry}"' in given else given
    return f"{verb} {given}".strip().replace(registry, "REGISTRY")
