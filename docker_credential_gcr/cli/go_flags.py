"""Command lines as Google's helper takes them, which scripts have in them: Go's way to write options.

configure-docker -registries=gcr.io --overwrite=true  ->  configure-docker --registries=gcr.io --overwrite
help config                                           ->  config --help
https://pkg.go.dev/flag#hdr-Command_line_flag_syntax
"""

from collections.abc import Iterable

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
