"""Redaction: masks secrets in texts for users, in case that one was written into them by mistake."""

import re

MASK = "***"
MAX_SIZE = 8192  # far more than is shown of a text
SECRETS = re.compile(
    r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)"
    r"|ya29\.[\w.~+/-]+|1//[\w-]+|eyJ[\w-]+(?:\.[\w-]+)*|GOCSPX-[\w-]+"
    r"|(?<=://)[^\s/@]+@"  # a user and a password in a URL
    r"|(?<=[Bb]earer )\S+|(?<=[Bb]asic )\S+"
    r"|\b(?P<run>[\w+/-]{60,})={0,2}",
    re.DOTALL,
)
# "access_token": "…", refresh_token=…
MEMBERS = re.compile(
    r"""((?:access|refresh|id|subject|session|identity|auth)_?token|assertion|client_?secret|password|secret"""
    r"""|private_key|signed_?jwt|authorization)(["']?\s*[:=]\s*["']?)([^\s"',&}]+)""",
    re.IGNORECASE,
)


def redact(text: str) -> str:
    """Returns the text with a mask instead of each secret; of a long text only the first words."""
    if len(text) > MAX_SIZE:
        text = text[:MAX_SIZE].rpartition(" ")[0] + " …"
    return MEMBERS.sub(rf"\1\2{MASK}", SECRETS.sub(_mask, text))


def _mask(match: re.Match[str]) -> str:
    """Returns the mask; of a long run with slashes, which may be a path, only the long parts are masked."""
    run = match["run"]
    if run is None or (len(run) >= 80 and _is_mixed(run)):
        return MASK
    masked = "/".join(MASK if len(part) >= 60 else part for part in run.split("/"))
    return masked if masked.endswith(MASK) else masked + match[0][len(run) :]


def _is_mixed(run: str) -> bool:
    return run != run.upper() and run != run.lower() and any(map(str.isdigit, run))
