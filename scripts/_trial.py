"""The whole flow with a real client: a key goes in, an image goes up and comes down."""

import argparse
import os
import shlex
import sys
from contextlib import ExitStack
from pathlib import Path
from string import Template

from _clients import CLIENTS, Client, choose, find_digest, words
from _emulator_process import emulator
from _environment import Environment, Failed, find_wheel, isolated_environ, run, workplace
from _image import make_layer, make_layout

PROJECT = "demo-project"
SERVE = f"gcr-emulator serve --port 0 --data $WORK/data --project {PROJECT}"
CREATE_KEY = (
    f"gcr-emulator key create --project {PROJECT}"
    " --account {0} --role roles/{0} --output $WORK/{0}.json"
)
CONFIGURE = (
    "docker-credential-gcr configure-docker --registries $REGISTRY --token-source file:$WORK/editor.json"
)


def main(arguments: list[str]) -> int:
    """Run the trial; 0 done, 1 a step failed, 2 a wrong command line."""
    options = _parse(arguments)
    try:
        with workplace(keep=options.keep) as work:
            print(
                f"work: everything is in WORK={work}, {'kept' if options.keep else 'removed'} at the end",
                flush=True,
            )
            print(Trial(work).run(options.client))
    except Failed as failure:
        print(f"failed: {failure}", file=sys.stderr)
        return 1
    return 0


def _parse(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="scripts/try",
        description="Install into a temporary environment, start an emulator, push and pull an image.",
    )
    parser.add_argument(
        "--client",
        default="auto",
        choices=["auto", *(client.name for client in CLIENTS)],
        help="what pushes and pulls; auto takes the first that can be used",
    )
    parser.add_argument(
        "--keep", action="store_true", help="keep the directory with keys, data and configuration"
    )
    return parser.parse_args(arguments)


class Trial:
    """The steps, each said in a line before it is done: words for a reader, the command for a shell."""

    def __init__(self, work: Path) -> None:
        self.work = work
        self.values = {"WORK": shlex.quote(str(work))}
        self.environ = _trial_environ(work)

    def run(self, client_name: str) -> str:
        """Do all the steps; returns the image's digest."""
        content = os.urandom(32)
        make_layout(self.work / "image", content)
        (self.work / "layer.tar").write_bytes(make_layer(content))
        client = choose(client_name, self.values, self.environ)
        environment = self._install()
        print('export PATH="$WORK/environment/bin:$PATH" DOCKER_CONFIG="$WORK/docker"', flush=True)
        with ExitStack() as stack:
            self._say("start an emulator", SERVE)
            serve = words(SERVE, self.values)
            serve[0] = environment.program(serve[0])
            ready = stack.enter_context(emulator(serve, environ=self.environ, log=self.work / "emulator.log"))
            self._know("REGISTRY", ready["registry"])
            self._set("GCR_EMULATOR_URL", ready["url"])
            self._step("make a key for an editor of the project", CREATE_KEY.format("editor"))
            self._step("name our helper to Docker, and the key to our helper", CONFIGURE)
            self._know("NAME", f"{ready['registry']}/{PROJECT}/hello:1")
            if client.program:
                self._know("CLIENT", Template(client.program).substitute(self.values))
            stack.callback(self._leave, client)
            digest = self._push_and_pull(client)
            self._refuse(client)
        return digest

    def _install(self) -> Environment:
        found = Environment.find()
        if found is not None:
            return found
        self._say("make an environment", "python3 -m venv $WORK/environment")
        environment = Environment.create(self.work / "environment")
        wheel = find_wheel(self.work)
        self._say(
            "install the helper and the emulator into it", "pip install 'docker-credential-gcr[emulator]'"
        )
        environment.install(f"{wheel}[emulator]")
        return environment

    def _push_and_pull(self, client: Client) -> str:
        for command in client.push:
            self._step("push", command)
        pushed = find_digest(self._run(client.pushed))
        for command in client.drop:
            self._step("forget the image here", command)
        self._step("pull", client.pull)
        pulled = find_digest(self._run(client.pulled))
        if pushed != pulled:
            raise Failed(f"{pushed} went up, {pulled} came down")
        return pulled

    def _refuse(self, client: Client) -> None:
        self._step("make a key for a viewer", CREATE_KEY.format("viewer"))
        self._set("DOCKER_CREDENTIAL_GCR_TOKEN_SOURCE", f"file:{self.work}/viewer.json")
        self._say("push as the viewer", client.push[-1])
        try:
            self._run(client.push[-1])
        except Failed as refusal:
            print(f"it is refused: {str(refusal).splitlines()[-1]}", flush=True)
        else:
            raise Failed("a viewer could push")

    def _step(self, purpose: str, command: str) -> None:
        self._say(purpose, command)
        self._run(command)

    def _say(self, purpose: str, command: str) -> None:
        print(f"{purpose}: {command}", flush=True)

    def _know(self, name: str, value: str) -> None:
        self.values[name] = value
        print(f'{name}="{value}"', flush=True)

    def _set(self, name: str, value: str) -> None:
        self.environ[name] = value
        print(f'export {name}="{value}"', flush=True)

    def _run(self, command: str) -> str:
        return run(words(command, self.values), environ=self.environ)

    def _leave(self, client: Client) -> None:
        for command in client.leave:
            try:
                self._run(command)
            except Failed as failure:
                print(f"not removed: {failure}", flush=True)


def _trial_environ(work: Path) -> dict[str, str]:
    environ = isolated_environ(work / "home", work / "environment" / "bin")
    config = work / "docker"
    # skopeo and podman look into other files first; this one is named to them.
    environ.update(DOCKER_CONFIG=str(config), REGISTRY_AUTH_FILE=str(config / "config.json"))
    if "DOCKER_HOST" in os.environ:
        environ["DOCKER_HOST"] = os.environ["DOCKER_HOST"]
    return environ
