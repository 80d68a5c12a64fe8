"""Go's command-line flags, which scripts written for Google's helper use, in this program's form.

configure-docker -registries=gcr.io --overwrite=true  ->  configure-docker --registries=gcr.io --overwrite
help config                                           ->  config --help
https://pkg.go.dev/flag#hdr-Command_line_flag_syntax
"""

COMMANDS = ("config", "configure-docker", "gcr-login", "gcr-logout", "clear")
SWITCHES = ("--include-artifact-registry", "--overwrite", "--unset-all")
VALUES = {"true": True, "t": True, "1": True, "false": False, "f": False, "0": False}


def translate(arguments: list[str]) -> list[str]:
    """Returns a command line in this program's form."""
    if arguments[:1] == ["help"]:
        return [*arguments[1:2], "--help"]
    if not arguments or arguments[0] not in COMMANDS:
        return arguments
    return [arguments[0], *(translated for word in arguments[1:] for translated in _translate_word(word))]


def _translate_word(word: str) -> list[str]:
    """Returns a word of the command line in this program's form; nothing for a switch that is off."""
    if word.startswith("-") and not word.startswith("--") and len(word) > 2:
        word = f"-{word}"
    name, equals, value = word.partition("=")
    if equals and name in SWITCHES and value.lower() in VALUES:
        return [name] if VALUES[value.lower()] else []
    return [word]
