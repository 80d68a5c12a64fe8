"""serve --external-url and --trusted-proxy: which values are refused, and what they do to --open."""

from collections.abc import Callable

import pytest

from docker_credential_gcr.emulator.cli.options import parse_external_url, parse_network

Run = Callable[..., tuple[int, str, str]]


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("https://registry.example.com", "https://registry.example.com"),
        ("http://registry:5000/", "http://registry:5000"),
        ("HTTPS://Registry.Example.com:443", "https://registry.example.com"),
        ("http://192.0.2.1:80", "http://192.0.2.1"),
        ("https://192.0.2.1:80", "https://192.0.2.1:80"),
        ("https://[2001:db8::1]:8443", "https://[2001:db8::1]:8443"),
    ],
)
def test_external_url_is_as_browsers_write_it(text: str, url: str) -> None:
    assert parse_external_url(text) == url


@pytest.mark.parametrize(
    "text",
    [
        *("registry.example.com", "ftp://h", "https://", "https://h/path", "https://h:0", "https://h:65536"),
        *("https://h:x", "https://a b", "https://[fe80::1%25eth0]", "https://h#fragment", "//h", ""),
    ],
)
def test_external_url_that_is_no_root_is_a_usage_error(run: Run, text: str) -> None:
    code, out, err = run("serve", "--external-url", text)
    complaint = f"{text!r} is not the root of a server, such as https://registry.example.com"
    assert (code, out) == (2, "")
    assert err.endswith(f"Error: Invalid value for '--external-url': {complaint}\n")


@pytest.mark.parametrize("text", ["https://ci:secret-word@h", "https://h/?token=secret-word"])
def test_external_url_with_a_secret_is_refused_and_not_repeated(run: Run, text: str) -> None:
    code, out, err = run("serve", "--external-url", text)
    assert (code, out, "secret-word" in err) == (2, "", False)


@pytest.mark.parametrize("host", ["gcr.io", "eu.gcr.io:8443", "storage.googleapis.com", "us-docker.pkg.dev"])
def test_external_url_of_google_is_a_usage_error(run: Run, host: str) -> None:
    code, _, err = run("serve", "--external-url", f"https://{host}")
    complaint = f"'https://{host}' is a Google name, for which a request keeps its Host: name another host"
    assert (code, err.splitlines()[-1]) == (2, f"Error: Invalid value for '--external-url': {complaint}")


@pytest.mark.parametrize(
    ("text", "network"),
    [
        ("10.0.0.0/8", "10.0.0.0/8"),
        ("192.0.2.1", "192.0.2.1/32"),
        ("10.1.2.3/8", "10.0.0.0/8"),
        ("::1", "::1/128"),
    ],
)
def test_trusted_proxy_is_a_network_or_an_address(text: str, network: str) -> None:
    assert parse_network(text) == network


@pytest.mark.parametrize(
    "text", ["", "x", "10.0.0.0/33", "10.0.0", "fd00::/129", "10.0.0.0/8,::1", "localhost"]
)
def test_trusted_proxy_that_is_no_network_is_a_usage_error(run: Run, text: str) -> None:
    code, out, err = run("serve", "--trusted-proxy", text)
    complaint = f"{text!r} is not a network, such as 10.0.0.0/8 or fd00::/8"
    assert (code, out) == (2, "")
    assert err.endswith(f"Error: Invalid value for '--trusted-proxy': {complaint}\n")


@pytest.mark.parametrize(
    "option", [("--external-url", "https://registry.example.com"), ("--trusted-proxy", "10.0.0.0/8")]
)
def test_open_registry_behind_a_load_balancer_needs_open_remote(run: Run, option: tuple[str, str]) -> None:
    message = "--open and a load balancer let other machines push and delete: add --open-remote to allow that"
    code, out, err = run("serve", "--port", "0", "--open", *option)
    assert (code, out) == (1, "")
    assert message in err
