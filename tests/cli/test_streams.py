"""Output to a device, a FIFO or /dev/stdout: it is written, without replacing, reading or chmod."""

import base64
import json
import os
import subprocess
import sys
from typing import Any

import pytest
from support.child_processes import LIMIT_S
from support.streams import MAKES_DEVICES, Stream

from docker_credential_gcr import files


@pytest.fixture
def writer(cli: Any) -> Any:
    """Returns the program with a token for Google's hosts."""
    (cli.directory / "token").write_text("ya29.file")
    cli.write(cli.own, json.dumps({"TokenSources": [f"token-file:{cli.directory}/token"]}))
    return cli


AUTHS = {"auths": {"gcr.io": {"auth": "b2F1dGgyYWNjZXNzdG9rZW46eWEyOS5maWxl"}}}
SECRET = {
    "apiVersion": "v1",
    "kind": "Secret",
    "metadata": {"name": "gcr-pull-secret"},
    "type": "kubernetes.io/dockerconfigjson",
    "data": {
        ".dockerconfigjson": base64.b64encode(json.dumps(AUTHS, separators=(",", ":")).encode()).decode()
    },
}
HELPERS = {"credHelpers": {"gcr.io": "gcr"}}
# id: (the command, to which the path is added; the output)
OUTPUTS: dict[str, tuple[list[str], object]] = {
    **{
        f"write-auth-{form}": (
            ["write-auth", "--format", form, "--registries", "gcr.io", "--output"],
            document,
        )
        for form, document in [("docker", AUTHS), ("containers", AUTHS), ("kubernetes", SECRET)]
    },
    "configure-docker": (["configure-docker", "--registries", "gcr.io", "--authfile"], HELPERS),
}
D16 = pytest.mark.parametrize(("command", "document"), OUTPUTS.values(), ids=OUTPUTS)


@D16
@pytest.mark.parametrize("kind", ["fifo", "terminal", pytest.param("null", marks=MAKES_DEVICES)])
def test_d16_a_stream_is_written(
    request: pytest.FixtureRequest, writer: Any, command: list[str], document: object, kind: str
) -> None:
    stream = request.getfixturevalue(kind)

    outcome = writer(*command, str(stream.path))

    assert (outcome.status, outcome.stdout) == (0, "")
    assert stream.is_untouched()
    written = stream.read()
    assert written == "" if kind == "null" else json.loads(written) == document
    assert list(writer.directory.rglob("*.tmp")) == []


def test_d16_a_link_to_a_stream_is_followed(writer: Any, fifo: Stream) -> None:
    link = writer.directory / "link"
    link.symlink_to(fifo.path)

    outcome = writer("write-auth", "--format", "docker", "--registries", "gcr.io", "--output", str(link))

    assert (outcome.status, json.loads(fifo.read()), link.is_symlink()) == (0, AUTHS, True)


@MAKES_DEVICES
@pytest.mark.parametrize("arguments", [["--token-source", "env"], ["--unset-all"]], ids=["set", "unset-all"])
def test_d16_a_device_as_the_configuration_stays(cli: Any, null: Stream, arguments: list[str]) -> None:
    outcome = cli("config", *arguments, DOCKER_CREDENTIAL_GCR_CONFIG=str(null.path))

    assert (outcome.status, outcome.stdout, null.is_untouched()) == (0, "", True)


@D16
@pytest.mark.parametrize("name", ["/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"])
def test_d27_standard_output_by_name_ends(
    writer: Any, command: list[str], document: object, name: str
) -> None:
    run = subprocess.run(
        [sys.executable, "-m", "docker_credential_gcr", *command, name],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        env=writer.environ,
        timeout=LIMIT_S,
        check=False,
    )

    assert (run.returncode, json.loads(run.stdout)) == (0, document)


def test_d27_standard_output_in_a_file_is_appended_to(writer: Any) -> None:
    path = writer.directory / "out"
    command = [sys.executable, "-m", "docker_credential_gcr", *OUTPUTS["write-auth-docker"][0], "/dev/stdout"]
    with path.open("w") as file:
        file.write("before\n")
        file.flush()
        subprocess.run(command, stdout=file, env=writer.environ, timeout=LIMIT_S, check=True)

    first, _, rest = path.read_text().partition("\n")
    assert (first, json.loads(rest)) == ("before", AUTHS)


@pytest.mark.needs_root("give a file away")
def test_d16_the_fifo_of_another_user_gets_nothing(fifo: Stream) -> None:
    os.chown(fifo.path, 65534, 65534)

    with pytest.raises(PermissionError, match="belongs to another user"):
        files.write_file(str(fifo.path), b"secret")

    assert fifo.read() == ""
