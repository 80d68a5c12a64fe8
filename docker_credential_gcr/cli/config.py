"""The command `config`: show or change the helper's own configuration, which Google's helper also reads."""

import json
import os
import sys
from collections.abc import Mapping
from typing import Any

import click

from docker_credential_gcr.errors import UsageError
from docker_credential_gcr.helper import registries
from docker_credential_gcr.helper.config import MAX_LIFETIME_S, Config, Settings, load_config
from docker_credential_gcr.helper.configure import arguments, config_edit, configure, helper_config
from docker_credential_gcr.helper.configure.json_file import KeyPath
from docker_credential_gcr.helper.tokens import NAMES

from . import terminal

EXAMPLE = "ci@my-project.iam.gserviceaccount.com"
SECONDS = click.FloatRange(0, 1e6, max_open=True)


@click.command("config")
@click.option(
    "--token-source",
    metavar="S",
    help=f"The token sources, comma-separated, asked in order: {NAMES}.",
)
@click.option("--account", metavar="EMAIL", help="The account of gcloud, of the machine or of the key.")
@click.option("--impersonate", metavar="EMAIL", help="The service account to impersonate.")
@click.option("--delegates", metavar="A,B", help="The service accounts of the delegation chain to it.")
@click.option(
    "--lifetime",
    metavar="SECONDS",
    type=click.IntRange(60, MAX_LIFETIME_S),
    help="The lifetime of tokens of the impersonated account. Default: 3600.",
)
@click.option("--scopes", metavar="A,B", help="The scopes of the tokens. Default: cloud-platform.")
@click.option(
    "--min-ttl",
    metavar="SECONDS",
    type=SECONDS,
    help="Refresh a token that is valid for less than this. Default: 300.",
)
@click.option("--timeout", metavar="SECONDS", type=SECONDS, help="How long to wait for a token. Default: 10.")
@click.option(
    "--on-error",
    type=click.Choice(("fail", "anonymous")),
    help="Report a failure to docker, or let docker go on anonymously. Default: fail.",
)
@click.option("--registry", metavar="HOST", help="Change or show the settings of this registry only.")
@click.option("--show", is_flag=True, help="Print the settings in force, as JSON.")
@click.option("--unset", "unset", metavar="KEY", multiple=True, help="Remove a key; may be repeated.")
@click.option("--unset-all", is_flag=True, help="Remove the configuration, or that of --registry.")
@click.pass_context
def config(
    context: click.Context,
    /,
    registry: str | None,
    show: bool,
    unset: tuple[str, ...],
    unset_all: bool,
    **options: Any,
) -> None:
    """Show or change the helper's own configuration.

    \b
    Examples:
      docker-credential-gcr config --token-source gcloud
      docker-credential-gcr config --registry us-docker.pkg.dev \\
        --impersonate ci@my-project.iam.gserviceaccount.com
      docker-credential-gcr config --show
      docker-credential-gcr config --registry us-docker.pkg.dev \\
        --unset Impersonate
    """
    host = arguments.parse_host(registry) if registry is not None else None
    prefix: KeyPath = ("Registries", host) if host else ()
    members = _parse_members(options, host)
    values = {(*prefix, name): value for name, value in members.items() if value is not None}
    removed = tuple((*prefix, _parse_key(key, host)) for key in unset)
    if unset_all:
        _unset_all(host)
    elif values or removed:
        _apply(values, removed)
    elif not show:
        click.echo(context.get_help())
    if show:
        _show(host)
    for text in helper_config.find_ignored_keys(os.environ, sys.platform):
        terminal.warn(text)


def _parse_members(options: Mapping[str, Any], host: str | None) -> dict[str, object]:
    """Returns the members of the file that the options set; None for those of absent options."""
    for_all = {
        "MinTTL": _simplify(options["min_ttl"]),
        "Timeout": _simplify(options["timeout"]),
        "OnError": options["on_error"],
    }
    if host and any(value is not None for value in for_all.values()):
        raise UsageError("--min-ttl, --timeout and --on-error apply to all registries: leave out --registry")
    impersonate, delegates = options["impersonate"], _split(options["delegates"])
    return {
        "TokenSources": _parse_sources(options["token_source"], host),
        "Account": options["account"],
        "Impersonate": impersonate and _check_account("--impersonate", impersonate),
        "Delegates": delegates and [_check_account("--delegates", name) for name in delegates],
        "Lifetime": options["lifetime"],
        "Scopes": _split(options["scopes"]),
        **for_all,
    }


def _parse_sources(token_source: str | None, host: str | None) -> list[str] | None:
    if token_source is None:
        return None
    sources = arguments.parse_token_sources(token_source)
    configure.check_token_sources(sources, (host,) if host else registries.DEFAULT_HOSTS, os.environ)
    return list(sources)


def _simplify(seconds: float | None) -> float | None:
    """Returns a whole number as an int: 300, not 300.0."""
    return int(seconds) if seconds is not None and seconds.is_integer() else seconds


def _check_account(option: str, name: str) -> str:
    """Returns the address or the resource name of a service account. Raises UsageError for another name."""
    user, _, domain = name.rpartition("/")[2].partition("@")
    if not user or not domain or "@" in domain or " " in name:
        raise UsageError(f"{option} {name!r} is not the address of a service account, such as {EXAMPLE}")
    return name


def _split(names: str | None) -> list[str] | None:
    return None if names is None else [name.strip() for name in names.split(",") if name.strip()]


def _parse_key(name: str, host: str | None) -> str:
    """Returns the key of a name in any case, or in the form of its option. Raises UsageError."""
    keys = helper_config.REGISTRY_KEYS if host else helper_config.KEYS
    plain = name.replace("-", "").lower()
    for key in keys:
        if plain in (key.lower(), key.lower().removesuffix("s")):
            return key
    raise UsageError(f"--unset {name!r} is not a key: use one of {', '.join(sorted(keys))}")


def _apply(values: Mapping[KeyPath, object], removed: tuple[KeyPath, ...]) -> None:
    is_changed = config_edit.apply(helper_config.plan(values, removed, os.environ, sys.platform))
    for path in (*values, *removed):
        done = "unchanged" if not is_changed else "set" if path in values else "unset"
        click.echo(f"{': '.join(path[1:] if len(path) > 1 else path)}: {done}", err=True)


def _unset_all(host: str | None) -> None:
    if host:
        edit = helper_config.plan({}, (("Registries", host),), os.environ, sys.platform)
        is_changed = config_edit.apply(edit)
    else:
        is_changed = helper_config.remove_file(os.environ, sys.platform)
    click.echo(f"{host or 'configuration'}: {'removed' if is_changed else 'there was none'}", err=True)


def _show(host: str | None) -> None:
    loaded = load_config(os.environ)
    if host:
        shown: dict[str, object] = _format_settings(loaded.get_settings(host))
    else:
        shown = _format_config(loaded)
    click.echo(json.dumps(shown, indent=2, ensure_ascii=False))


def _format_config(loaded: Config) -> dict[str, object]:
    return {
        "File": helper_config.get_path(os.environ, sys.platform),
        **_format_settings(loaded.settings),
        "MinTTL": loaded.min_ttl_s,
        "Timeout": loaded.timeout_s,
        "OnError": "anonymous" if loaded.is_anonymous_on_error else "fail",
        "SelfSignedJWT": loaded.is_self_signed,
        "Registries": {host: _format_settings(settings) for host, settings in loaded.registries.items()},
    }


def _format_settings(settings: Settings) -> dict[str, object]:
    return {
        "TokenSources": list(settings.token_sources),
        "Account": settings.account,
        "Impersonate": settings.impersonate,
        "Delegates": list(settings.delegates),
        "Lifetime": settings.lifetime_s,
        "Scopes": list(settings.scopes),
    }
