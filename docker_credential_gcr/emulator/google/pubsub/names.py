"""Names of topics and subscriptions: their rule and their forms.

https://cloud.google.com/pubsub/docs/pubsub-basics#resource_names
"""

import re

from docker_credential_gcr.emulator.google.rest.errors import InvalidArgument

_ID = re.compile(r"[A-Za-z][A-Za-z0-9._~+%-]{2,254}", re.ASCII)
_NAME = re.compile(r"projects/([^/]{1,300})/(topics|subscriptions)/([^/]{1,300})")
TOPICS, SUBSCRIPTIONS = "topics", "subscriptions"


def check_id(kind: str, project: str, text: str) -> None:
    """Raises InvalidArgument for an ID that no topic or subscription can have."""
    if not _ID.fullmatch(text) or text.lower().startswith("goog"):
        raise InvalidArgument(
            f"Invalid [{kind}] name: (name=projects/{project[:100]}/{kind}/{text[:255]}): the ID has 3 "
            "to 255 letters, digits and -._~+%, begins with a letter, and not with goog."
        )


def parse_name(kind: str, text: object) -> tuple[str, str]:
    """Returns the project and the ID in projects/P/topics/T. Raises InvalidArgument."""
    match = _NAME.fullmatch(text) if isinstance(text, str) else None
    if match is None or match[2] != kind:
        raise InvalidArgument(
            f"Invalid [{kind}] name: (name={str(text)[:100]}): it must be projects/PROJECT/{kind}/ID."
        )
    return match[1], match[3]
