"""docs/emulator-commands.md tells the truth: its options and its list of images are those of the code."""

import re

from support.checkout import DOCS

from docker_credential_gcr.emulator.cli.listing import format_table
from docker_credential_gcr.emulator.cli.server.run import run
from docker_credential_gcr.emulator.cli.server.serve import serve

PAGE = (DOCS / "emulator-commands.md").read_text("utf-8")


def test_options_that_run_lacks_are_listed() -> None:
    sentence = PAGE.partition("The options are those of `serve` without ")[2].partition(".\n")[0]
    own, others = ({option.opts[0] for option in command.params} for command in (run, serve))

    assert set(re.findall(r"`(--[a-z-]+)`", sentence)) == others - own
    assert own - others == {"command", "--keep-credentials"}


def test_d13_the_list_of_images_is_laid_out_as_the_page_shows() -> None:
    blocks = re.findall(r"  \$ gcr-emulator image list\n(.*?)  ```", PAGE, re.DOTALL)
    wide, narrow = ([line.removeprefix("  ") for line in block.splitlines()] for block in blocks)
    rows = [tuple(re.split(r" {2,}", line)) for line in wide]

    assert {columns: format_table(rows, columns) for columns in (80, 120, None)} == {
        80: narrow,
        120: wide,
        None: wide,
    }
