"""`login`: in the browser, or with a service account key that is seen to work."""

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
from docker_credential_gcr.helper.login import key_file as key_login
from docker_credential_gcr.helper.registries import is_google
from docker_credential_gcr.helper.token_sources.key_file import load_text

from . import terminal
from .registry_names import REGISTRIES

DISPLAYS = ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER")  # without any of them there is no window to open


@click.command
@click.option(
    "--key-file", metavar="FILE", type=click.Path(allow_dash=True), help="A key; - reads it from stdin."
)
@click.option(
    "--registries", metavar="A,B", type=REGISTRIES, help="Whose key it is. Default: all that are Google's."
)
@click.option(
    "--no-browser", is_flag=True, help="Print the address to open anywhere, and read the one it leads to."
)
@click.option(
    "--timeout", type=click.FloatRange(min=1), default=300, show_default=True, help="Seconds to wait."
)
def login(key_file: str | None, registries: str | None, no_browser: bool, timeout: float) -> None:
    """Log in, in the browser or with a service account key.

    A login in the browser is kept in the file of Google's helper, where the token source `store` finds it.
    A key is first seen to work, then kept in the keyring, or as DOCKER_CREDENTIAL_GCR_KEYRING says; it is
    the first token source of its registries.

    \b
    Examples:
      docker-credential-gcr login
      docker-credential-gcr login --no-browser
      docker-credential-gcr login --key-file key.json
      vault read -field=key gcp/ci | docker-credential-gcr login --key-file -
    """
    if key_file is not None:
        if no_browser:
            raise UsageError("--no-browser is for a login without a --key-file")
        _login_with_key(key_file, registries)
    elif registries is not None:
        raise UsageError("--registries is for a --key-file: a login in the browser is for all of Google's")
    else:
        _login_in_browser(no_browser, timeout)


def _login_with_key(key_file: str, registries: str | None) -> None:
    name = "stdin" if key_file == "-" else key_file
    if key_file == "-":
        text = service_account.decode_text(name, terminal.read_input(service_account.MAX_SIZE + 1))
    else:
        text = load_text(key_file)
    key, hosts, notice = key_login.login(name, text, registries, os.environ)
    if notice:
        terminal.warn(notice)
    for host in hosts:
        told = "all of Google's registries" if host == EVERY_HOST else host
        click.echo(f"{told}: logged in as {key.client_email}", err=True)
    for host in hosts:
        _show_next_step(host)


def _login_in_browser(no_browser: bool, timeout_s: float) -> None:
    from docker_credential_gcr.helper.login import browser as browser_login

    def receive(auth_url: str) -> tuple[browser_login.Attempt, str]:
        if no_browser:
            return browser_login.receive_pasted(auth_url, tell=_tell, read_line=terminal.read_line)
        from docker_credential_gcr.helper.login import loopback_server as login_listener

        return login_listener.receive(auth_url, timeout_s=timeout_s, open_browser=_open_browser, tell=_tell)

    path, token_endpoint = browser_login.login(receive, os.environ)
    click.echo(f"logged in; the login is kept in {path}", err=True)
    sources = load_config(os.environ).settings.token_sources
    if "store" not in sources:
        click.echo(
            f"warning: the token sources are {','.join(sources)}, without this login: "
            f"docker-credential-gcr config --token-source store,{','.join(sources)}",
            err=True,
        )
    if token_endpoint.is_google:
        _show_next_step(EVERY_HOST)
    else:
        _show_next_step(token_endpoint.host, " --token-source store")


def _show_next_step(host: str, options: str = "") -> None:
    """The command that makes docker use the login, unless docker asks this helper for the host already."""
    with suppress(ConfigError):  # `doctor` explains a configuration that cannot be read
        view = docker_config.load(os.environ)
        if host == EVERY_HOST:
            is_ready, named = any(map(is_google, view.hosts)), ""
        else:
            is_ready = view.helpers.get(host) == SUFFIX and host in load_config(os.environ).registries
            named = f" --registries {host}{options}"
        if not is_ready and view.store != SUFFIX:
            click.echo(f"next: {PROGRAM} configure-docker{named}", err=True)


def _open_browser(url: str) -> bool:
    """Whether a browser was opened; not one for the terminal, which would take it over."""
    is_graphic = sys.platform in ("win32", "darwin") or any(map(os.environ.get, DISPLAYS))
    return is_graphic and webbrowser.open(url)


def _tell(text: str) -> None:
    click.echo(text, err=True)
