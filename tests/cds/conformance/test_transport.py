"""TLS, seen from outside: real sockets with real certificates of this test's own."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from threading import Thread

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from services.cds.conformance.areas.transport import https_is_spoken, old_tls_is_refused
from services.cds.conformance.checks import Look, NoAnswer, Skipped
from services.cds.conformance.exchange import Recorder
from services.cds.conformance.target import Target

pytestmark = pytest.mark.filterwarnings("ignore:ssl.TLSVersion")


def faults(base: str, check: Look) -> list[str]:
    """What a check finds at an address."""
    with httpx.Client() as http:
        return list(check(Target(base=base, record=Recorder(http, seconds=5))))


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A key and a certificate for 127.0.0.1 in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number(), now, now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    private = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    file = tmp_path_factory.mktemp("tls") / "both.pem"
    file.write_bytes(private + made.public_bytes(pem))
    return file


@contextmanager
def speaking(certificate: Path, least: ssl.TLSVersion, most: ssl.TLSVersion) -> Iterator[str]:
    """A server that shakes hands with these versions and says nothing more."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    if most <= ssl.TLSVersion.TLSv1_1:
        context.set_ciphers("ALL:@SECLEVEL=0")
    context.minimum_version, context.maximum_version = least, most
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.settimeout(5)

        def serve() -> None:
            try:
                while True:
                    plain, _ = listening.accept()
                    try:
                        context.wrap_socket(plain, server_side=True).close()
                    except OSError:
                        plain.close()
            except OSError:
                return

        Thread(target=serve, daemon=True).start()
        yield f"https://127.0.0.1:{listening.getsockname()[1]}"


def test_a_server_of_today_passes(certificate: Path) -> None:
    """TLS 1.2 and 1.3 are spoken, older ones are not."""
    with speaking(certificate, ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3) as base:
        assert faults(base, https_is_spoken) == []
        assert faults(base, old_tls_is_refused) == []


def test_a_server_of_yesterday_is_found(certificate: Path) -> None:
    """One that speaks TLS 1.1 only is told so by both checks."""
    with speaking(certificate, ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1) as base:
        assert faults(base, https_is_spoken) == ["no TLS 1.2 or later is spoken"]
        assert faults(base, old_tls_is_refused) == ["TLSv1.1 is spoken"]


def test_plain_http_is_a_fault_but_on_this_machine() -> None:
    """Http elsewhere is not kept; on this machine it is development, and skipped."""
    assert faults("http://cds.hospital.example", https_is_spoken) == ["http://cds.hospital.example is not https"]
    with pytest.raises(Skipped, match="as in development"):
        faults("http://127.0.0.1:1", https_is_spoken)


def test_nobody_there_is_no_answer() -> None:
    """A port that nobody listens on is not taken for a refusal of old TLS."""
    with pytest.raises(NoAnswer):
        faults("https://127.0.0.1:1", old_tls_is_refused)
