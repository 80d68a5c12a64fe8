"""Docker's verbs as commands, for the help, the manual pages and the completion; `protocol` runs them."""

import click

from docker_credential_gcr.helper import PROGRAM

READS_HOST = "It reads a registry from stdin, as docker writes it there, and takes no argument."
VERBS = {
    "get": (
        "Print the credential for the registry named on stdin.",
        f"{READS_HOST} It prints the credential as a line of JSON, else a line that says why not.",
        f"echo us-docker.pkg.dev | {PROGRAM} get",
    ),
    "store": (
        "Keep a login, or the key of one.",
        "It reads JSON from stdin, as docker writes it there, and takes no argument. An access token of "
        "Google's is not kept.",
        f"""echo '{{"ServerURL":"quay.io","Username":"me","Secret":"SECRET"}}' |\n    {PROGRAM} store""",
    ),
    "erase": (
        "Forget what is kept for the registry named on stdin.",
        f"{READS_HOST} Nothing to forget is no failure.",
        f"echo quay.io | {PROGRAM} erase",
    ),
    "list": (
        "Print the registries that are configured for this helper.",
        "It prints a JSON object of registries and user names, and takes no argument.",
        f"{PROGRAM} list",
    ),
    "version": (
        "Print the version; also -v and --version.",
        "It prints the program, the package and the version, and takes no argument.",
        f"{PROGRAM} version",
    ),
}


def _make_command(name: str) -> click.Command:
    summary, text, example = VERBS[name]
    help_text = f"{summary}\n\n{text}\n\n\b\nExamples:\n  {example}"
    return click.Command(name, help=help_text, short_help=summary)


COMMANDS = tuple(map(_make_command, VERBS))
SUMMARIES = {name: texts[0] for name, texts in VERBS.items()}  # of each in the help
