"""gcr-emulator run: runs a command in namespaces where Google's hosts are an emulator."""

import sys
from typing import Any

import click

from docker_credential_gcr.emulator.client.rest import EmulatorError
from docker_credential_gcr.emulator.sites.hosts import METADATA_ADDRESS

from .serve import make_settings, serve

_ADDRESS, _TLS_PORT, _PLAIN_PORT = "127.0.0.1", 443, 80
# Options of serve that this command decides itself.
_DECIDED = {
    *("host", "port", "sites", "ready_file", "allow_remote", "tls", "tls_names", "tls_cert", "tls_key"),
    # No load balancer is in front of it, and no other host can be reached.
    *("external_url", "trusted_proxies", "drain_s", "allow_outgoing"),
}
_ALTERNATIVE = "start gcr-emulator serve --tls, and use what gcr-emulator env, hosts and trust print"


@click.command(context_settings={"allow_interspersed_args": False})
@click.argument("command", nargs=-1, required=True, type=click.UNPROCESSED)
@click.option(
    "--keep-credentials",
    is_flag=True,
    envvar="GCR_EMULATOR_KEEP_CREDENTIALS",
    show_envvar=True,
    help="Let COMMAND use your configuration of docker, podman, gcloud and the helper.",
)
@click.pass_context
def run(
    context: click.Context, /, command: tuple[str, ...], *, keep_credentials: bool, **options: Any
) -> None:
    """Run COMMAND where Google's hosts are an emulator, without any other network.

    \b
    gcr-emulator run --project my-project -- sh -euc '
      gcr-emulator repository create images --location us
      gcr-emulator key create --account ci --role roles/editor \\
        --token-uri google --output key.json
      docker-credential-gcr configure-docker \\
        --registries us-docker.pkg.dev --token-source file:key.json
      skopeo copy oci:image \\
        docker://us-docker.pkg.dev/my-project/images/app:v1'

    The exit code is that of COMMAND. The emulator, all processes that COMMAND started and all credentials
    that it created end with it; without --data nothing is left of the emulator. Linux only, also without
    root.
    """
    settings = make_settings(
        context,
        **options,
        host=_ADDRESS,
        port=_TLS_PORT,
        plain=((_ADDRESS, _PLAIN_PORT), (METADATA_ADDRESS, _PLAIN_PORT)),
        tls=True,
    )
    if sys.platform != "linux":
        raise EmulatorError(f"{sys.platform} has no network namespaces: {_ALTERNATIVE}")
    from docker_credential_gcr.emulator.sandbox.namespaces import NoNamespaces
    from docker_credential_gcr.emulator.sandbox.run import CannotRun, ServerEnded, run_in_namespaces

    try:
        context.exit(run_in_namespaces(settings, command, keeps_configuration=keep_credentials))
    except NoNamespaces as error:
        raise EmulatorError(f"{error}: {_ALTERNATIVE}") from error
    except ServerEnded as error:
        raise EmulatorError("the emulator ended before the command, which was stopped") from error
    except CannotRun as error:
        click.echo(f"gcr-emulator: {error}", err=True)
        context.exit(error.status)


# Every option of `serve` except those that are decided here.
run.params += [option for option in serve.params if option.name not in _DECIDED]
