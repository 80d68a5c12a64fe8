"""Masks what looks like a secret in a text for people. Texts are made without any: this is the net."""

import re

MASK = "***"
SECRETS = re.compile(
    r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)"
    r"|ya29\.[\w.~+/-]+|1//[\w-]+|eyJ[\w-]+(?:\.[\w-]+)*|GOCSPX-[\w-]+"
    r"|(?<=://)[^\s/@]+@"  # a user and a password in a URL
    r"|(?<=[Bb]earer )\S+|(?<=[Bb]asic )\S+"
    r"|\b[\w+-]{60,}={0,2}"
    # With slashes it may be a path, which has no such mixture.
    r"|\b(?=[\w+/-]*[A-Z])(?=[\w+/-]*[a-z])(?=[\w+/-]*[0-9])[\w+/-]{80,}={0,2}",
    re.DOTALL,
)
# "access_token": "…", refresh_token=…
MEMBERS = re.compile(
    r"""((?:access|refresh|id|subject|session|identity|auth)_?token|assertion|client_?secret|password|secret"""
    r"""|private_key|signed_?jwt|authorization)(["']?\s*[:=]\s*["']?)([^\s"',&}]+)""",
    re.IGNORECASE,
)


def redact(text: str) -> str:
    """The text with a mask in the place of each secret."""
    return MEMBERS.sub(rf"\1\2{MASK}", SECRETS.sub(MASK, text))
