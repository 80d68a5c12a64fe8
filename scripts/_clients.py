"""The container clients which the trial can drive, as the commands that a person would type."""

import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from string import Template

from _environment import CHECKOUT, Failed

PROBE_S = 20


@dataclass(frozen=True)
class Client:
    """One client's commands, as a shell reads them; `pushed` and `pulled` print the image's digest.

    $WORK is the trial's directory: `image` in it is an OCI layout and layer.tar a layer, for the
    clients that import one. $NAME is the image's whole name, registry and tag included. $CLIENT is
    `program`, for a client whose command line is long.
    """

    name: str
    probe: str
    push: tuple[str, ...]
    pushed: str
    drop: tuple[str, ...]
    pull: str
    pulled: str
    leave: tuple[str, ...] = ()
    program: str = ""


_DOCKER_DIGEST = "docker image inspect --format '{{.RepoDigests}}' $NAME"
# vfs needs no privilege; the storage is in the work directory, and goes with it.
_PODMAN = (
    "podman --root $WORK/storage --runroot $WORK/runroot --tmpdir $WORK/libpod"
    " --storage-driver vfs --cgroup-manager cgroupfs --events-backend none"
)
_BUILTIN = f"{shlex.quote(sys.executable)} {shlex.quote(str(CHECKOUT / 'scripts' / '_builtin_client.py'))}"

CLIENTS = (
    Client(
        name="docker",
        probe="docker version --format '{{.Server.Version}}'",
        push=("docker import $WORK/layer.tar $NAME", "docker push $NAME"),
        pushed=_DOCKER_DIGEST,
        drop=("docker image rm $NAME",),
        pull="docker pull $NAME",
        pulled=_DOCKER_DIGEST,
        leave=("docker image rm --force $NAME",),
    ),
    Client(
        name="podman",
        program=_PODMAN,
        probe="$CLIENT images",
        push=(
            "$CLIENT import $WORK/layer.tar $NAME",
            "$CLIENT push --tls-verify=false --digestfile $WORK/digest $NAME",
        ),
        pushed="cat $WORK/digest",
        drop=("$CLIENT rmi $NAME",),
        pull="$CLIENT pull --tls-verify=false $NAME",
        pulled="$CLIENT image inspect --format '{{.RepoDigests}}' $NAME",
        # Without root, podman leaves a process that holds its user namespace; this ends it.
        leave=("$CLIENT system migrate",),
    ),
    Client(
        name="skopeo",
        probe="skopeo --version",
        push=("skopeo copy --dest-tls-verify=false oci:$WORK/image docker://$NAME",),
        pushed="skopeo inspect --format '{{.Digest}}' oci:$WORK/image",
        drop=(),
        pull="skopeo copy --src-tls-verify=false docker://$NAME oci:$WORK/pulled",
        pulled="skopeo inspect --format '{{.Digest}}' oci:$WORK/pulled",
    ),
    Client(
        name="builtin",
        program=_BUILTIN,
        probe="$CLIENT digest $WORK/image",
        push=("$CLIENT push $WORK/image $NAME",),
        pushed="$CLIENT digest $WORK/image",
        drop=(),
        pull="$CLIENT pull $NAME $WORK/pulled",
        pulled="$CLIENT digest $WORK/pulled",
    ),
)


def choose(name: str, values: Mapping[str, str], environ: Mapping[str, str]) -> Client:
    """The named client, or with `auto` the first that can be used. Raises Failed where it cannot."""
    faults = []
    for client in CLIENTS:
        if name in ("auto", client.name):
            fault = _find_fault(client, values, environ)
            if fault is None:
                return client
            faults.append(f"{client.name} cannot be used: {fault}")
    raise Failed("\n".join(faults))


def words(command: str, values: Mapping[str, str]) -> list[str]:
    """The command as a list: a shell's reading of it, the values being shell text too."""
    return shlex.split(Template(command).substitute(values))


def find_digest(output: str) -> str:
    """The digest in a command's output."""
    found = re.search(r"sha256:[0-9a-f]{64}", output)
    if found is None:
        raise Failed(f"no digest in {output!r}")
    return found.group()


def _find_fault(client: Client, values: Mapping[str, str], environ: Mapping[str, str]) -> str | None:
    command = words(client.probe, {**values, "CLIENT": Template(client.program).substitute(values)})
    if shutil.which(command[0], path=environ["PATH"]) is None:
        return f"not installed: apt-get install {command[0]}"
    # An engine on another machine would look for the registry there.
    if client.name == "docker" and not environ.get("DOCKER_HOST", "unix://").startswith("unix://"):
        return "its engine is on another machine"
    return _find_probe_fault(command, environ)


def _find_probe_fault(command: Sequence[str], environ: Mapping[str, str]) -> str | None:
    try:
        done = subprocess.run(
            command,
            env=environ,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=PROBE_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return "it does not answer"
    if done.returncode == 0:
        return None
    return (done.stderr.strip().splitlines() or ["it does not answer"])[-1]
