"""gcr-emulator fsck: checks a data directory."""

import json
import shlex
from pathlib import Path

import click

from docker_credential_gcr.emulator.cli.options import say

from .data_option import data_option, lock_data_directory
from .progress import echo_above, show_progress


@click.command()
@data_option
@click.option("--quick", is_flag=True, help="Do not read the blobs: assume that each has its digest.")
@click.option("--sparse-manifests", is_flag=True, help="Accept manifests that name what is missing.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
@click.pass_context
def fsck(context: click.Context, data: Path, quick: bool, sparse_manifests: bool, as_json: bool) -> None:
    """Check that the database and the blobs agree, and that each blob has its digest.

    Prints one finding a line, KIND SUBJECT: WHAT. If there is any, the exit code is 1, and stderr says what
    to do about each kind. Nothing is changed: gcr-emulator gc removes files without a row, gcr-emulator
    rebuild creates a new database.
    """
    from docker_credential_gcr.emulator.maintenance.fsck import check
    from docker_credential_gcr.emulator.maintenance.fsck.findings import list_remedies

    findings = []
    with lock_data_directory(data) as directory, show_progress() as progress:
        for finding in check(directory.path, quick=quick, sparse=sparse_manifests, progress=progress):
            findings.append(finding)
            if not as_json:
                echo_above(progress, str(finding))
    if as_json:
        click.echo(json.dumps({"findings": [vars(finding) for finding in findings]}, indent=2))
        context.exit(1 if findings else 0)
    if not findings:
        say(f"{data} is sound")
    named = shlex.quote(str(data))
    commands = {name: f"gcr-emulator {name} --data {named}" for name in ("gc", "rebuild")}
    for line in list_remedies(findings, commands):
        say(line)
    context.exit(1 if findings else 0)
