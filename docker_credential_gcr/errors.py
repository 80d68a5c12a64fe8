"""What can go wrong in the helper and its commands.

Error                       the root; its text is one line, `hint` is the next step for a person
├── UsageError              the command line asks for what cannot be (exit status 2)
├── ProtocolError           Docker's request is malformed; the text is the protocol's own
├── CredentialsNotFound     no credential for this registry, and that is no fault
├── ConfigError             a configuration file is malformed, or cannot be read or replaced
├── StoreError              a login cannot be kept, read or forgotten
├── LoginRequired           no token source has a credential, and only a login will help (exit status 3)
├── LoginError              a login came to no end: refused, abandoned, or answered by somebody else
├── NoToken                 a token source has nothing to offer: the next one is asked
└── TokenError              a token source failed
    ├── KeyFileError        the key file is no usable service account key
    ├── KeyNotForHost       the key and the registry belong to different worlds
    ├── TokenRefused        the token endpoint answered, but not with a token
    └── NetworkError        no answer came from the token endpoint
"""


class Error(Exception):
    """The root of every exception that this package raises on purpose."""

    exit_code = 1

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint

    def __str__(self) -> str:
        return format_line(str(self.args[0]))


class UsageError(Error):
    """The command line asks for what cannot be."""

    exit_code = 2


class ProtocolError(Error):
    """Docker's request is malformed."""


class CredentialsNotFound(Error):
    """No credential for this registry, and that is no fault; a failure may have been waived for it."""

    def __init__(self, server_url: str, waived: "Error | None" = None) -> None:
        super().__init__(f"no credential for {server_url!r}")
        self.waived = waived


class ConfigError(Error):
    """A configuration file is malformed, or cannot be read or replaced."""


class StoreError(Error):
    """A login cannot be kept, read or forgotten."""


class LoginRequired(Error):
    """No token source has a credential, and only a login will help."""

    exit_code = 3


class LoginError(Error):
    """A login came to no end: it was refused, or abandoned, or somebody else answered."""


class NoToken(Error):
    """A token source has nothing to offer: the next one is asked."""


class TokenError(Error):
    """A token source failed."""


class KeyFileError(TokenError):
    """The key file is no usable service account key."""


class KeyNotForHost(TokenError):
    """The key and the registry belong to different worlds: Google's and an emulator's."""


class TokenRefused(TokenError):
    """The token endpoint answered, but not with a token."""


class NetworkError(TokenError):
    """No answer came from the token endpoint."""


def format_line(text: str, limit: int = 1000) -> str:
    """The text on one line: Docker shows a failure in one, and a terminal obeys control characters."""
    line = "".join(char if char.isprintable() else "?" for char in " ".join(text.split()))
    return line if len(line) <= limit else line[: limit - 1] + "…"
