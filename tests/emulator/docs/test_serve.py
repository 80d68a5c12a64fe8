"""docs/serve.md tells the truth: its table of options is that of the code."""

import click
from support.checkout import DOCS
from support.pages import read_table

from docker_credential_gcr.emulator.cli.server.serve import serve

PAGE = (DOCS / "serve.md").read_text("utf-8")


def test_every_option_of_serve_is_listed_with_its_variable() -> None:
    listed = {option: variable for option, variable, *_ in read_table(PAGE, "option")}

    options = [option for option in serve.params if isinstance(option, click.Option)]
    assert listed == {option.opts[0]: option.envvar for option in options}
