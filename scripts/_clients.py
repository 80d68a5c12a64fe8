"""Container clients for scripts/try, as the commands that a user would type."""

import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass

from _client_packages import install_command
from _environment import CHECKOUT, Failed

PROBE_S = 20


@dataclass(frozen=True)
class Client:
    """One client's commands, for a shell; `pushed` and `pulled` print the image's digest.

    $WORK is the directory of scripts/try, $NAME the full name of the image with registry and tag. `make`
    creates the image; `define` holds functions and variables that shorten the commands.
    """

    name: str
    probe: str
    make: tuple[str, ...]
    push: str
    pushed: str
    pull: str
    pulled: str
    define: str = ""
    drop: str = ""
    leave: str = ""


_LAYER = 'date > "$WORK/hello.txt" && tar -C "$WORK" -cf "$WORK/layer.tar" hello.txt'
_DOCKER_DIGEST = "docker image inspect --format '{{.RepoDigests}}' \"$NAME\""
# vfs needs no privilege. The storage is in the work directory, and is removed with it.
_PODMAN = (
    'podman() { command podman --root "$WORK/storage" --runroot "$WORK/runroot" --tmpdir "$WORK/libpod"'
    ' --storage-driver vfs --cgroup-manager cgroupfs --events-backend none "$@"; }'
)
_BUILTIN = f"{shlex.quote(sys.executable)} {shlex.quote(str(CHECKOUT / 'scripts' / '_builtin_client.py'))}"
_LAYOUT = f'{_BUILTIN} make "$WORK/image"'

CLIENTS = (
    Client(
        name="docker",
        probe="docker version --format '{{.Server.Version}}'",
        make=(_LAYER, 'docker import "$WORK/layer.tar" "$NAME"'),
        push='docker push "$NAME"',
        pushed=_DOCKER_DIGEST,
        drop='docker image rm "$NAME"',
        pull='docker pull "$NAME"',
        pulled=_DOCKER_DIGEST,
        leave='docker image rm --force "$NAME"',
    ),
    Client(
        name="podman",
        define=_PODMAN,
        probe="podman images",
        make=(_LAYER, 'podman import "$WORK/layer.tar" "$NAME"'),
        push='podman push --tls-verify=false --digestfile "$WORK/digest" "$NAME"',
        pushed='cat "$WORK/digest"',
        drop='podman rmi "$NAME"',
        pull='podman pull --tls-verify=false "$NAME"',
        pulled="podman image inspect --format '{{.RepoDigests}}' \"$NAME\"",
        # Without root, podman leaves a process in its user namespace; this ends it.
        leave="podman system migrate",
    ),
    Client(
        name="skopeo",
        probe="skopeo --version",
        make=(_LAYOUT,),
        push='skopeo copy --dest-tls-verify=false "oci:$WORK/image" "docker://$NAME"',
        pushed="skopeo inspect --format '{{.Digest}}' \"oci:$WORK/image\"",
        pull='skopeo copy --src-tls-verify=false "docker://$NAME" "oci:$WORK/pulled"',
        pulled="skopeo inspect --format '{{.Digest}}' \"oci:$WORK/pulled\"",
    ),
    Client(
        name="builtin",
        define=f'client() {{ {_BUILTIN} "$@"; }}',
        probe="client",
        make=('client make "$WORK/image"',),
        push='client push "$WORK/image" "$NAME"',
        pushed='client digest "$WORK/image"',
        pull='client pull "$NAME" "$WORK/pulled"',
        pulled='client digest "$WORK/pulled"',
    ),
)


def choose(name: str, environ: Mapping[str, str]) -> Client:
    """Returns the named client, or for `auto` the first usable one. Raises Failed if there is none."""
    faults = []
    for client in CLIENTS:
        if name in ("auto", client.name):
            fault = _find_fault(client, environ)
            if fault is None:
                return client
            faults.append(f"{client.name} cannot be used: {fault}")
    raise Failed("\n".join(faults))


def find_digest(output: str) -> str:
    """Returns the digest in a command's output."""
    found = re.search(r"sha256:[0-9a-f]{64}", output)
    if found is None:
        raise Failed(f"no digest in {output!r}")
    return found.group()


def _find_fault(client: Client, environ: Mapping[str, str]) -> str | None:
    if client.name == "builtin":
        return None
    if shutil.which(client.name, path=environ["PATH"]) is None:
        return f"not installed: {install_command(client.name)}"
    # An engine on another machine would look for localhost there.
    if client.name == "docker" and not environ.get("DOCKER_HOST", "unix://").startswith("unix://"):
        return "its engine is on another machine"
    command = ["/bin/sh", "-c", f"{client.define}\n{client.probe}"]
    try:
        subprocess.run(command, env=environ, stdin=subprocess.DEVNULL, capture_output=True, text=True,
            timeout=PROBE_S, check=True)  # fmt: skip
    except subprocess.TimeoutExpired:
        return "it does not answer"
    except subprocess.CalledProcessError as error:
        return (str(error.stderr).strip().splitlines() or ["it does not answer"])[-1]
    return None
