"""Describes a value that may be a secret, for messages, which never repeat one."""

# How tokens begin: Google's, those of git hosts and of Docker Hub.
TOKENS = (
    *("ya29.", "1//", "eyJ", "GOCSPX-", "AIza"),
    *("gho_", "ghp_", "ghs_", "ghu_", "github_pat_", "glpat-", "dckr_pat_"),
)
TOKEN_SIZE = 16  # a token is at least as long
RANDOM_SIZE = 40  # 30 random bytes in base64
BASE64_SIZE = 200  # no token without dots is as long
PATH_SIZE, NAME_SIZE = 4096, 255  # of Linux, in bytes: PATH_MAX and NAME_MAX
FILE_KINDS = ("file", "token-file")  # of a token source, before the colon


def quote(value: str) -> str:
    """Returns a value as a message repeats it: in quotes; one that may be a secret is described instead."""
    return find_secret_form(value) or repr(value)


def find_secret_form(value: str) -> str | None:
    """Returns what a value is that no message may repeat: "JSON", "a PEM key", "text of 3 lines".

    None for what may be the path, the name, the host or the URL that was expected.
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
    if any(char < " " or char == "\x7f" for char in value):
        return "text with control characters"
    items = value.replace(",", " ").split() if len(value) > NAME_SIZE // 4 else ()
    names = [name for item in items for name in item.replace("\\", "/").split("/")]
    is_long = any(len(name.encode("utf-8", "surrogatepass")) > NAME_SIZE for name in names)
    is_long = is_long or any(len(item) > PATH_SIZE for item in items)
    return f"text of {len(value):,} characters" if is_long else None
