"""Exceptions of the helper and its commands; and the check that keeps secrets out of every message.

The emulator uses that check alone.

Error                       the root; one line of text, a `hint` for the user, the `command` that mends it
├── UsageError              the command line is invalid (exit status 2)
├── ProtocolError           Docker's request is malformed; the text is the protocol's own
├── CredentialsNotFound     no credential for this registry, which is not a failure
├── ConfigError             a configuration file is malformed, or cannot be read or replaced
├── StoreError              a login cannot be stored, read or deleted
├── LoginRequired           no token source has a credential, and only a login will help (exit status 3)
├── LoginError              a login in the browser failed: refused, abandoned, or answered by another program
├── NoToken                 a token source has no credential: the next one is asked
└── TokenError              a token source failed
    ├── KeyFileError        the key file is not a usable service account key
    ├── KeyNotForHost       the key and the registry belong to different trust domains
    ├── TokenRefused        the token endpoint answered, but not with a token
    └── NetworkError        the token endpoint did not answer
"""

# Templates of commands that depend on the registry and the account; helper/doctor/remedies.py fills them in.
NEW_KEY = "{new key}"
KEY_SOURCE = "{key file as token source}"
OTHER_SOURCE = "{other token source}"
CLOCK = "{clock}"
LOGIN = "docker-credential-gcr login"
MORE_TIME = "export DOCKER_CREDENTIAL_GCR_TIMEOUT=60"
KEYRING_FILE = "export DOCKER_CREDENTIAL_GCR_KEYRING=file"


class Error(Exception):
    """Root of every exception that this package raises on purpose."""

    exit_code = 1
    check = "credential"  # the name of the failure in `doctor`
    command = ""  # the command that mends it on this machine, or one of the templates above

    def __init__(self, message: str, hint: str = "", *, check: str = "", command: str = "") -> None:
        super().__init__(message)
        self.hint = hint
        if check:
            self.check, self.command = check, command

    def __str__(self) -> str:
        return format_line(str(self.args[0]))


class UsageError(Error):
    """The command line is invalid."""

    exit_code = 2


class ProtocolError(Error):
    """Docker's request is malformed."""


class CredentialsNotFound(Error):
    """No credential for this registry, which is not a failure; `waived` is a failure that counts as one."""

    def __init__(self, server_url: str, waived: "Error | None" = None) -> None:
        super().__init__(f"no credential for {quote(server_url)}")
        self.waived = waived


class ConfigError(Error):
    """A configuration file is malformed, or cannot be read or replaced."""


class StoreError(Error):
    """A login cannot be stored, read or deleted."""

    check = "store"


class LoginRequired(Error):
    """No token source has a credential, and only a login will help."""

    exit_code = 3


class LoginError(Error):
    """A login in the browser failed: it was refused or abandoned, or another program answered."""


class NoToken(Error):
    """A token source has no credential: the next one is asked."""


class TokenError(Error):
    """A token source failed."""


class KeyFileError(TokenError):
    """The key file is not a usable service account key."""

    check = "key file"
    command = NEW_KEY


class KeyNotForHost(TokenError):
    """The key and the registry belong to different trust domains: Google and an emulator."""

    check = "key for another registry"
    command = KEY_SOURCE


class TokenRefused(TokenError):
    """The token endpoint answered, but not with a token."""


class NetworkError(TokenError):
    """The token endpoint did not answer."""

    check = "token endpoint"


def format_line(text: str, limit: int = 1000) -> str:
    """Returns a text as one line, which is what Docker shows, without control characters.

    A terminal would execute those.
    """
    words = text[: 4 * limit].split()  # the text is cut first: only this much is shown
    line = "".join(char if char.isprintable() else "?" for char in " ".join(words))
    return line if len(line) <= limit else line[: limit - 1] + "…"


# Prefixes of tokens: of Google, of git hosts, of Docker Hub.
TOKENS = (
    *("ya29.", "1//", "eyJ", "GOCSPX-", "AIza"),
    *("gho_", "ghp_", "ghs_", "ghu_", "github_pat_", "glpat-", "dckr_pat_"),
)
TOKEN_SIZE = 16  # the shortest token
RANDOM_SIZE = 40  # 30 random bytes in base64
BASE64_SIZE = 200  # longer than any token without dots
PATH_SIZE, NAME_SIZE = 4096, 255  # of Linux, in bytes: PATH_MAX and NAME_MAX
FILE_KINDS = ("file", "token-file")  # of a token source, before the colon


def quote(value: str) -> str:
    """Returns a value in quotes, for a message; a description instead of a value that may be a secret."""
    return find_secret_form(value) or repr(value)


def find_secret_form(value: str) -> str | None:
    """Returns the form of a value that no message may repeat: "JSON", "a PEM key", "text of 3 lines".

    None for a value that may be a path, a name, a host or a URL.
    """
    dense = "".join(value.split())
    if '{"' in dense or '":' in dense:
        return "JSON"
    if "-----BEGIN" in value:
        return "a PEM key"
    return _find_url_form(dense) or _find_token_form(value.strip(), dense) or _find_text_form(value.strip())


def _find_url_form(value: str) -> str | None:
    value = value.partition("@sha")[0]  # the digest of an image
    for item in value.split(",") if "@" in value or "?" in value else ():
        scheme, _, rest = item.rpartition("://")
        before, at, _ = rest.rpartition("@")
        name, colon, password = before.partition(":")
        port, slash, _ = password.partition("/")
        if scheme and at and ("/" not in before or (colon and not (slash and port.isdigit()))):
            return "a URL with a password"
        if scheme and "?" in rest:
            return "a URL with a query"
        if colon and not scheme and name not in FILE_KINDS and not {"/", "\\"} & set(before):
            return "text of the form NAME:PASSWORD@HOST"
    return None


def _find_token_form(value: str, dense: str) -> str | None:
    if value.lower().startswith(("bearer ", "basic ")):
        return "a token"
    if len(dense) >= RANDOM_SIZE and dense != dense.lower():
        words = "".join(char if char.isalnum() or char in "+/=_-" else " " for char in dense).split()
        word = max(words, key=len, default="")
        if len(word) >= RANDOM_SIZE and _is_random(word):
            return "base64" if len(word) >= BASE64_SIZE else "a token"
    items = dense.replace(":", ",").replace("=", ",").split(",")  # file:TOKEN, NAME=TOKEN
    return "a token" if any(len(i) >= TOKEN_SIZE and i.startswith(TOKENS) for i in items) else None


def _is_random(word: str) -> bool:
    """Returns whether small letters, capitals and digits alternate as in base64, and not as in words."""
    kinds, changes, before = set(), 0, ""
    for char in word:
        kind = "a" if char.islower() else "A" if char.isupper() else "1" if char.isdigit() else ""
        changes += "" != before != kind != ""
        before = kind
        kinds.add(kind)
    return {"a", "A", "1"} <= kinds and changes >= 0.36 * len(word)


def _find_text_form(value: str) -> str | None:
    if "\n" in value:
        return f"text of {len(value.splitlines())} lines"
    # A byte of the environment that is not UTF-8 is one of these surrogates in Python: a path may have it.
    if not all(char.isprintable() or "\udc80" <= char <= "\udcff" for char in value):
        return "text with control characters"
    items = value.replace(",", " ").split() if len(value) > NAME_SIZE // 4 else ()
    names = [name for item in items for name in item.replace("\\", "/").split("/")]
    is_long = any(len(name.encode("utf-8", "surrogatepass")) > NAME_SIZE for name in names)
    is_long = is_long or any(len(item) > PATH_SIZE for item in items)
    return f"text of {len(value):,} characters" if is_long else None
