"""Command lines as Google's helper takes them, which scripts have in them: Go's way to write options.

configure-docker -registries=gcr.io --overwrite=true  ->  configure-docker --registries=gcr.io --overwrite
help config                                           ->  config --help
https://pkg.go.dev/flag#hdr-Command_line_flag_syntax
"""

from collections.abc import Iterable

from docker_credential_gcr.errors import quote

COMMANDS = ("config", "configure-docker", "gcr-login", "gcr-logout", "clear")
SWITCHES = ("--include-artifact-registry", "--overwrite", "--unset-all")
VALUES = {"true": True, "t": True, "1": True, "false": False, "f": False, "0": False}


def translate(arguments: list[str]) -> list[str]:
    """The same command line in this program's spelling."""
    if arguments[:1] == ["help"]:
        return [*arguments[1:2], "--help"]
    if not arguments or arguments[0] not in COMMANDS:
        return arguments
    return [arguments[0], *(word for given in arguments[1:] for word in _translate_word(given))]


def format_unknown(name: str, names: Iterable[str]) -> str:
    """Returns what is said of a command that does not exist, with the one that was likely meant."""
    import difflib  # 1 ms, for nothing unless a name is wrong

    known = sorted(names)
    begun = [other for other in known if name and other.startswith(name)]
    close = begun if len(begun) == 1 else difflib.get_close_matches(name, known, n=1)
    return f"No such command {quote(name)}." + (f" Did you mean {close[0]!r}?" if close else "")


def explain_extra(message: str, command: str | None, options: Iterable[str]) -> str:
    """Returns what click says of a word too many, with the option that is for such words.

    gcloud auth configure-docker takes registries as an argument.
    """
    if not message.startswith("Got unexpected extra argument"):
        return message
    if "--registries" in options:
        return f"{message}: name registries with --registries A,B"
    return f"{message}: doctor takes the name of a registry" if command == "status" else message


def _translate_word(word: str) -> list[str]:
    """One word of the command line; none for a switch that is off."""
    if word.startswith("-") and not word.startswith("--") and len(word) > 2:
        word = f"-{word}"
    name, equals, value = word.partition("=")
    if equals and name in SWITCHES and value.lower() in VALUES:
        return [name] if VALUES[value.lower()] else []
    return [word]
