"""Docker's verbs as click commands, for help, manual pages and completion; `protocol` runs the verbs."""

import click

from docker_credential_gcr.helper import PROGRAM

READS_HOST = "It reads the name of a registry from stdin, as docker writes it, and takes no argument."
VERBS = {
    "get": (
        "Print the credential for the registry named on stdin.",
        f"{READS_HOST} It prints the credential as a line of JSON, or a line with the reason of a failure.",
        f"echo us-docker.pkg.dev | {PROGRAM} get",
    ),
    "store": (
        "Store a login, or the service account key in it.",
        "It reads JSON from stdin, as docker writes it, and takes no argument. It does not store Google's "
        "access tokens.",
        f"""echo '{{"ServerURL":"quay.io","Username":"me","Secret":"SECRET"}}' |\n    {PROGRAM} store""",
    ),
    "erase": (
        "Forget the login and the tokens of the registry named on stdin.",
        f"{READS_HOST} If there is nothing to forget, it succeeds.",
        f"echo quay.io | {PROGRAM} erase",
    ),
    "list": (
        "Print the registries that are configured for this helper.",
        "It prints a JSON object of registries and user names, and takes no argument.",
        f"{PROGRAM} list",
    ),
    "version": (
        "Print the version, as -v and --version do.",
        "It prints the program, the package and the version, and takes no argument.",
        f"{PROGRAM} version",
    ),
}


def _make_command(name: str) -> click.Command:
    summary, text, example = VERBS[name]
    help_text = f"{summary}\n\n{text}\n\n\b\nExamples:\n  {example}"
    return click.Command(name, help=help_text, short_help=summary)


COMMANDS = tuple(map(_make_command, VERBS))
SUMMARIES = {name: texts[0] for name, texts in VERBS.items()}
