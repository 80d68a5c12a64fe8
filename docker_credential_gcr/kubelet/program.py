"""Command line of the kubelet plugin: one request on stdin, one response on stdout.

The exit status is 0 with a response, also where there is no credential. Else stdout is empty, and stderr,
which the kubelet logs, says why: 1 failed, 2 usage, 130 interrupted.
"""

import argparse
import os
import sys
import traceback
from collections.abc import Sequence

from docker_credential_gcr import __version__
from docker_credential_gcr.errors import CredentialsNotFound, Error, UsageError, find_secret_form
from docker_credential_gcr.helper.config import load_config
from docker_credential_gcr.helper.redaction import redact

from . import PROGRAM, VERSIONS, configuration, credential, messages

EPILOG = f"""examples:
  {PROGRAM} --print-config > /etc/kubernetes/credential-providers/gcr.json
  {PROGRAM} --print-config --sts-audience //iam.googleapis.com/projects/1/locations/global/…
  {PROGRAM} < request.json

Arguments of the plugin on Google Cloud's nodes are accepted and ignored: get-credentials,
--authFlow=gcr, and its log options, such as --v=3.
"""
# https://github.com/kubernetes/cloud-provider-gcp/blob/master/cmd/auth-provider-gcp/main.go
COMMAND = "get-credentials"
FLOW = "gcr"
# klog's options, with and without a value: https://github.com/kubernetes/klog/blob/main/klog.go
LOG_VALUES = (
    *("log_backtrace_at", "log_dir", "log_file", "log_file_max_size", "stderrthreshold", "v", "vmodule"),
)
LOG_SWITCHES = (
    *("add_dir_header", "alsologtostderr", "logtostderr", "one_output", "skip_headers", "skip_log_headers"),
)


def main(argv: Sequence[str] | None = None) -> int:
    """Answers the request on stdin, or prints the configuration; returns the exit status."""
    options = _parse_arguments(sys.argv[1:] if argv is None else argv)
    try:
        output = _print_config(options) if options.print_config else _answer(options)
        sys.stdout.write(output)
        sys.stdout.flush()
    except Error as error:
        _print_error(str(error), error.hint)
        return error.exit_code
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except Exception as error:  # noqa: BLE001 - the rim
        # A traceback is long, and its last line may repeat any value: it is printed on demand only.
        _print_error(f"internal error: {type(error).__name__}", "set PYTHONDEVMODE=1 to see where")
        if sys.flags.dev_mode:
            sys.stderr.write(redact(traceback.format_exc()))
        return 1
    return 0


def _answer(options: argparse.Namespace) -> str:
    request = messages.parse_request(sys.stdin.buffer.read(messages.MAX_SIZE + 1))
    password = None
    try:
        password = credential.find_registry_password(request, audience=options.sts_audience)
    except CredentialsNotFound as error:
        if error.waived:
            _print_error(f"anonymous, as configured: {error.waived}", "")
    return messages.format_response(request.api_version, password)


def _print_config(options: argparse.Namespace) -> str:
    if options.token_audience and not options.sts_audience:
        raise UsageError("--token-audience needs --sts-audience: use both")
    return configuration.format_config(
        load_config(os.environ).registries,
        os.environ,
        version=options.api_version,
        audience=options.sts_audience,
        token_audience=options.token_audience,
    )


def _parse_arguments(arguments: Sequence[str]) -> argparse.Namespace:
    """Parses the options. Exits with 2 for an unknown one, and for a value that looks like a secret."""
    parser = _make_parser()
    for word in arguments:
        form = find_secret_form(word) or find_secret_form(word.lstrip("-"))
        if form:
            name, equals, _ = word.partition("=")
            named = name if equals and name in parser.format_usage() else "an argument"
            parser.error(f"{named} is {form}: not shown, because it may be a secret")
    return parser.parse_args(arguments)


def _make_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=PROGRAM,
        description="Kubelet credential provider: CredentialProviderRequest on stdin, response on stdout.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument(
        "--sts-audience",
        metavar="AUDIENCE",
        default="",
        help="the workload identity provider that exchanges the pods' service account tokens",
    )
    parser.add_argument(
        "--print-config", action="store_true", help="print the kubelet's CredentialProviderConfig"
    )
    parser.add_argument(
        "--api-version",
        choices=VERSIONS,
        default=VERSIONS[0],
        help="the version of the printed configuration",
    )
    parser.add_argument(
        "--token-audience",
        metavar="AUDIENCE",
        default="",
        help="the audience that the provider expects in the pods' tokens; default: its own name",
    )
    parser.add_argument("--version", action="version", version=f"{PROGRAM} {__version__}")
    _add_google_arguments(parser)
    return parser


def _add_google_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds arguments that Google's plugin has: existing configurations pass them, and they are ignored."""
    parser.add_argument("command", nargs="?", choices=(COMMAND,), help=argparse.SUPPRESS)
    parser.add_argument("-a", "--authFlow", choices=(FLOW,), help=argparse.SUPPRESS)
    for name in LOG_VALUES:
        # As with Go's flags, an option of one letter may have one hyphen.
        names = (f"-{name}", f"--{name}") if len(name) == 1 else (f"--{name}",)
        parser.add_argument(*names, help=argparse.SUPPRESS)
    for name in LOG_SWITCHES:
        parser.add_argument(f"--{name}", nargs="?", help=argparse.SUPPRESS)


def _print_error(text: str, hint: str) -> None:
    sys.stderr.write(f"{PROGRAM}: {text}\n" + (f"hint: {hint}\n" if hint else ""))
