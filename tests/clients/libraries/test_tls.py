"""Every TLS library trusts the emulator's CA: one connection of each to each kind of name.

The names are in a `gcr-emulator run`; the address is in the certificate of a `serve --tls`.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest
from clients.emulator_run import GCR_EMULATOR, Inside, waiting_run
from support.child_processes import Outcome

LIMIT_S = 60
Call = Callable[..., Outcome]

# Fixed in the certificate, by wildcard, and below localhost, which clients resolve without DNS.
NAMES = {
    "localhost": "localhost",
    "fixed": "gcr.io",
    "wildcard": "us-docker.pkg.dev",
    "api": "storage.googleapis.com",
    "regional": "docker.us-west1.rep.pkg.dev",
    "below-localhost": "gcr.io.localhost",
}

GRPC = """
import os, sys, grpc
with open(os.environ["GCR_EMULATOR_CA"], "rb") as file:
    credentials = grpc.ssl_channel_credentials(file.read())
with grpc.secure_channel(sys.argv[1], credentials) as channel:
    try:
        channel.unary_unary("/google.Any/Method")(b"", timeout=30)
    except grpc.RpcError as error:
        print(error.code().name, error.details())
"""
JAVA = """
import java.io.FileInputStream;
import java.net.URI;
import java.net.http.*;
import java.security.KeyStore;
import java.security.cert.CertificateFactory;
import javax.net.ssl.*;

public class Connect {
    public static void main(String[] arguments) throws Exception {
        KeyStore store = KeyStore.getInstance(KeyStore.getDefaultType());
        store.load(null, null);
        try (var file = new FileInputStream(System.getenv("GCR_EMULATOR_CA"))) {
            var factory = CertificateFactory.getInstance("X.509");
            store.setCertificateEntry("ca", factory.generateCertificate(file));
        }
        var trust = TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
        trust.init(store);
        SSLContext context = SSLContext.getInstance("TLS");
        context.init(null, trust.getTrustManagers(), null);
        HttpClient client = HttpClient.newBuilder().sslContext(context).build();
        var request = HttpRequest.newBuilder(URI.create("https://" + arguments[0] + "/")).build();
        System.out.println(client.send(request, HttpResponse.BodyHandlers.discarding()).version());
    }
}
"""


def connect_openssl(call: Call, host: str, _place: Path) -> bool:
    return call("curl", "--silent", "--show-error", "--output", os.devnull, f"https://{host}/").status == 0


def connect_gnutls(call: Call, host: str, place: Path) -> bool:
    # 5 is "SSL verification failure", 6 and 8 are the server's refusals of the request. wget(1)
    command = ("wget", "--quiet", "--output-document", os.devnull, f"--ca-certificate={place / 'ca.pem'}")
    return call(*command, f"https://{host}/").status in (0, 6, 8)


def connect_nss(call: Call, host: str, place: Path) -> bool:
    database = place / "nss"
    if not database.exists():
        database.mkdir()
        for command in (["-N", "--empty-password"], ["-A", "-n", "ca", "-t", "C,,", "-i", place / "ca.pem"]):
            subprocess.run(["certutil", "-d", database, *command], check=True, timeout=LIMIT_S)
    name, _, port = host.partition(":")
    # -Q: leave after the handshake.
    return call("tstclnt", "-4", "-Q", "-d", database, "-h", name, "-p", port or "443").status == 0


def connect_go(call: Call, host: str, _place: Path) -> bool:
    said = call("skopeo", "list-tags", f"docker://{host}/my-project/app").stderr
    return "x509" not in said and ("unauthorized" in said or "Forbidden" in said or "Not Found" in said)


def connect_rustls(call: Call, host: str, place: Path) -> bool:
    index = ("--no-cache", "--target", place / "target", "--index-url", f"https://{host}/simple")
    return "nothing-here was not found" in call("uv", "pip", "install", *index, "nothing-here").stderr


def connect_java(call: Call, host: str, place: Path) -> bool:
    if not (place / "Connect.class").exists():
        (place / "Connect.java").write_text(JAVA)
        subprocess.run(["javac", place / "Connect.java"], check=True, timeout=LIMIT_S)
    return call("java", "-cp", place, "Connect", host).stdout == "HTTP_2\n"


def call_grpc(call: Call, host: str) -> str:
    return call(sys.executable, "-c", GRPC, host if ":" in host else f"{host}:443").stdout


def connect_boringssl(call: Call, host: str, _place: Path) -> bool:
    # UNIMPLEMENTED is an API's answer, and gRPC's word for a 404; UNAVAILABLE is a failed handshake.
    return call_grpc(call, host).startswith("UNIMPLEMENTED ")


# library: the programs that use it, and a function that connects with them
LIBRARIES: dict[str, tuple[tuple[str, ...], Callable[[Call, str, Path], bool]]] = {
    "openssl": (("curl",), connect_openssl),
    "boringssl": ((), connect_boringssl),
    "gnutls": (("wget",), connect_gnutls),
    "nss": (("tstclnt", "certutil"), connect_nss),
    "go": (("skopeo",), connect_go),
    "rustls": ((), connect_rustls),
    "java": (("javac",), connect_java),
}
TABLE = {f"H-Z52-{name}": each for name, each in LIBRARIES.items()}
# A library that refuses a certificate with an address has its own test.
FOR_ADDRESSES = {name: each for name, each in TABLE.items() if each[1] is not connect_boringssl}
Connect = Callable[[Call, str, Mapping[str, str]], bool]


@pytest.fixture
def connect(
    request: pytest.FixtureRequest,
    folder: Callable[[Mapping[str, str]], Path],
    require_program: Callable[[str], str],
) -> Connect:
    """Returns a function that tells whether a library that trusts an environment's CA connects to a host."""
    programs, connect = request.param
    require_all(programs, require_program)
    return lambda call, host, environ: connect(call, host, folder(environ))


@pytest.fixture(scope="module")
def place() -> Iterator[Path]:
    """Yields the module's own directory."""
    with tempfile.TemporaryDirectory(prefix="gcr-", dir="/tmp") as directory:
        yield Path(directory)


@pytest.fixture(scope="module")
def inside(place: Path, isolate: Callable[[Path], dict[str, str]]) -> Iterator[Inside]:
    """Yields a sandbox in which Google's names lead to the emulator."""
    if os.geteuid() != 0:
        pytest.skip("entering the namespaces of another process needs root")
    with waiting_run(["--project", "my-project"], isolate(place)) as inside:
        yield inside


@pytest.fixture(scope="module")
def served(place: Path, isolate: Callable[[Path], dict[str, str]]) -> Iterator[tuple[str, dict[str, str]]]:
    """Yields the address of a server with TLS, and the environment of its clients."""
    command = [*GCR_EMULATOR, "serve", "--tls", "--tls-name", "127.0.0.1", "--port", "0"]
    with subprocess.Popen([*command, "--data", place / "data"], stdout=subprocess.PIPE, text=True) as server:
        try:
            ready = json.loads(server.stdout.readline() if server.stdout else "")
            environ = {**isolate(place), "GCR_EMULATOR_CA": ready["ca"]}
            environ |= {"SSL_CERT_FILE": ready["ca"], "CURL_CA_BUNDLE": ready["ca"]}
            yield ready["registry"].replace("localhost", "127.0.0.1"), environ
        finally:
            server.terminate()


@pytest.fixture
def folder(tmp_path: Path) -> Callable[[Mapping[str, str]], Path]:
    """Returns a directory with the CA of that environment."""

    def make(environ: Mapping[str, str]) -> Path:
        (tmp_path / "ca.pem").write_bytes(Path(environ["GCR_EMULATOR_CA"]).read_bytes())
        return tmp_path

    return make


@pytest.mark.parametrize("connect", TABLE.values(), ids=TABLE, indirect=True)
def test_library_believes_the_certificate_for_every_kind_of_name(inside: Inside, connect: Connect) -> None:
    def call(*command: object) -> Outcome:
        return inside.call({}, *command)

    found = {kind: connect(call, host, inside.environ) for kind, host in NAMES.items()}

    assert found == dict.fromkeys(NAMES, True)


@pytest.mark.parametrize("connect", FOR_ADDRESSES.values(), ids=FOR_ADDRESSES, indirect=True)
def test_library_believes_the_certificate_for_an_address(
    served: tuple[str, dict[str, str]], connect: Connect
) -> None:
    address, environ = served

    assert connect(make_call(environ), address, environ)


def test_h_z52_boringssl_refuses_a_certificate_with_an_address(served: tuple[str, dict[str, str]]) -> None:
    address, environ = served

    for host in (address, address.replace("127.0.0.1", "localhost")):
        said = call_grpc(make_call(environ), host)
        assert (said.partition(" ")[0], "unsupported name constraint type" in said) == ("UNAVAILABLE", True)


def make_call(environ: Mapping[str, str]) -> Call:
    def call(*command: object) -> Outcome:
        done = subprocess.run(
            [*map(str, command)],
            env={**environ},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=LIMIT_S,
            check=False,
        )
        return Outcome(done.returncode, done.stdout, done.stderr)

    return call


def require_all(programs: tuple[str, ...], require_program: Callable[[str], str]) -> None:
    for program in programs:
        if program == "javac" and shutil.which(program) is None:
            # Skipped on CI too: a JDK takes longer to install than all other clients.
            pytest.skip("javac is not installed: apt-get install default-jdk-headless")
        require_program(program)
