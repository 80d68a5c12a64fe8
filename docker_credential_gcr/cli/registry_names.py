"""A list of registries as the value of an option, and how a shell completes it."""

from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

    ParamType = click.ParamType[str]
else:
    ParamType = click.ParamType  # no generic class before click 8.2

COMPLETE = "_DOCKER_CREDENTIAL_GCR_COMPLETE"  # the variable by which a shell asks; click makes its name


class Registries(ParamType):
    """A list of registries, as text; the shell completes its last one."""

    name = "registries"

    def shell_complete(
        self, _context: click.Context, _parameter: click.Parameter, incomplete: str
    ) -> "list[CompletionItem]":
        """Returns Google's registries, after those that are already in the list."""
        # 0.6 ms, and only a shell asks
        from click.shell_completion import CompletionItem

        from docker_credential_gcr.helper.configure import registry_hosts

        before, comma, last = incomplete.rpartition(",")
        return [CompletionItem(before + comma + host) for host in registry_hosts.ALL if host.startswith(last)]


REGISTRIES = Registries()
