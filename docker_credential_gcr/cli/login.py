"""The command `login`: log in with the browser, or with a service account key."""

import os
import sys
import webbrowser
from contextlib import suppress

import click

from docker_credential_gcr.errors import ConfigError, UsageError
from docker_credential_gcr.helper import PROGRAM, SUFFIX
from docker_credential_gcr.helper.config import load_config
from docker_credential_gcr.helper.configure import docker_config
from docker_credential_gcr.helper.credential_store.entries import EVERY_HOST
from docker_credential_gcr.helper.google_auth import service_account
from docker_credential_gcr.helper.login import key_file
from docker_credential_gcr.helper.registries import is_google
from docker_credential_gcr.helper.token_sources.key_file import load_text

from . import terminal
from .registry_names import REGISTRIES

DISPLAYS = ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER")  # without any of them no window can be opened


@click.command
@click.option(
    "--key-file",
    "path",
    metavar="FILE",
    type=click.Path(allow_dash=True),
    help="A service account key; - reads it from stdin.",
)
@click.option(
    "--registries",
    metavar="A,B",
    type=REGISTRIES,
    help="The registries of the key. Default: all Google registries.",
)
@click.option(
    "--no-browser",
    is_flag=True,
    help="Print the URL to open on any machine, and read the URL that it leads to.",
)
@click.option(
    "--timeout", type=click.FloatRange(min=1), default=300, show_default=True, help="Seconds to wait."
)
def login(path: str | None, registries: str | None, no_browser: bool, timeout: float) -> None:
    """Log in with the browser, or with a service account key.

    A login with the browser is stored in the file that Google's helper uses, for the token source `store`.
    A key is tested, then stored in the keyring, or where DOCKER_CREDENTIAL_GCR_KEYRING says; it becomes the
    first token source of its registries.

    \b
    Examples:
      docker-credential-gcr login
      docker-credential-gcr login --no-browser
      docker-credential-gcr login --key-file key.json
      vault read -field=key gcp/ci | docker-credential-gcr login --key-file -
    """
    if path is not None:
        if no_browser:
            raise UsageError("--no-browser is for a login without --key-file: use one of them")
        _login_with_key(path, registries)
    elif registries is not None:
        raise UsageError(
            "--registries needs --key-file: a login with the browser is for all Google registries"
        )
    else:
        _login_in_browser(no_browser, timeout)


def _login_with_key(path: str, registries: str | None) -> None:
    name = "stdin" if path == "-" else path
    if path == "-":
        text = service_account.decode_text(name, terminal.read_input(service_account.MAX_SIZE + 1))
    else:
        text = load_text(path)
    key, hosts, notice = key_file.login(name, text, registries, os.environ)
    if notice:
        terminal.warn(notice)
    for host in hosts:
        shown = "all Google registries" if host == EVERY_HOST else host
        click.echo(f"{shown}: logged in as {key.client_email}", err=True)
    for host in hosts:
        _show_next_step(host)


def _login_in_browser(no_browser: bool, timeout_s: float) -> None:
    from docker_credential_gcr.helper.login import browser

    def receive(auth_url: str) -> tuple[browser.Attempt, str]:
        if no_browser:
            return browser.receive_pasted(auth_url, tell=_tell, read_line=terminal.read_line)
        from docker_credential_gcr.helper.login import loopback_server

        return loopback_server.receive(auth_url, timeout_s=timeout_s, open_browser=_open_browser, tell=_tell)

    stored_in, token_endpoint = browser.login(receive, os.environ)
    click.echo(f"logged in; the login is stored in {stored_in}", err=True)
    sources = load_config(os.environ).settings.token_sources
    if "store" not in sources:
        terminal.warn(
            f"the token sources are {','.join(sources)}, without this login: "
            f"{PROGRAM} config --token-source store,{','.join(sources)}"
        )
    if token_endpoint.is_google:
        _show_next_step(EVERY_HOST)
    else:
        _show_next_step(token_endpoint.host, " --token-source store")


def _show_next_step(host: str, options: str = "") -> None:
    """Prints the command that makes docker use the login, unless docker already asks this helper."""
    with suppress(ConfigError):  # `doctor` explains a configuration that cannot be read
        docker = docker_config.load(os.environ)
        if host == EVERY_HOST:
            is_ready, option = any(map(is_google, docker.hosts)), ""
        else:
            is_ready = docker.helpers.get(host) == SUFFIX and host in load_config(os.environ).registries
            option = f" --registries {host}{options}"
        if not is_ready and not docker.is_store:
            click.echo(f"next: {PROGRAM} configure-docker{option}", err=True)


def _open_browser(url: str) -> bool:
    """Opens a graphical browser; returns whether it did. A text browser would take over the terminal."""
    is_graphic = sys.platform in ("win32", "darwin") or any(map(os.environ.get, DISPLAYS))
    return is_graphic and webbrowser.open(url)


def _tell(text: str) -> None:
    click.echo(text, err=True)
