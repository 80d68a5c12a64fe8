"""Push endpoints of subscriptions: which are accepted."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection

from docker_credential_gcr.emulator.google.rest.calls import Call
from docker_credential_gcr.emulator.google.rest.errors import InvalidArgument


def check_push_config(_connection: Connection, _call: Call, settings: Mapping[str, Any]) -> None:
    """Raises InvalidArgument for a subscription that pushes."""
    if settings.get("pushConfig", {}).get("pushEndpoint"):
        raise InvalidArgument("gcr-emulator has no push subscriptions: leave pushConfig out, and pull.")
