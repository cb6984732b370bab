"""A FHIR server that speaks HTTP/2 over TLS: one connection carries a whole call."""

from __future__ import annotations

import asyncio
import datetime
import ssl
from pathlib import Path

import h2.config
import h2.connection
import h2.events
import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from services.plumbing.addresses import LOOPBACK, AddressGuard
from services.plumbing.fhir_server import Ask, FhirServers, Limits, open_client

pytestmark = pytest.mark.anyio

TOKEN = "t0ken-of-the-ehr"


class Http2Server:
    """Answers every question with an empty Bundle; remembers paths, tokens and connections."""

    def __init__(self) -> None:
        self.connections = 0
        self.asked: list[tuple[str, str]] = []

    async def meet(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection."""
        self.connections += 1
        spoken = h2.connection.H2Connection(h2.config.H2Configuration(client_side=False, header_encoding="utf-8"))
        spoken.initiate_connection()
        writer.write(spoken.data_to_send())
        while received := await reader.read(65536):
            for event in spoken.receive_data(received):
                if isinstance(event, h2.events.RequestReceived):
                    headers = dict(event.headers)
                    self.asked.append((headers[":path"], headers["authorization"]))
                    said = [(":status", "200"), ("content-type", "application/fhir+json")]
                    spoken.send_headers(event.stream_id, said)
                    spoken.send_data(event.stream_id, b'{"resourceType":"Bundle"}', end_stream=True)
            writer.write(spoken.data_to_send())
        writer.close()


def certificate(folder: Path) -> tuple[Path, Path]:
    """A certificate of this machine's name, signed by itself, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    public, private = folder / "cert.pem", folder / "key.pem"
    public.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    private.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return public, private


async def test_a_call_is_one_connection_and_a_strangers_certificate_is_none(
    tmp_path: Path,
) -> None:
    """Eight queries side by side over HTTP/2 where its certificate is trusted; nothing where it is not."""
    public, private = certificate(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(public, private)
    context.set_alpn_protocols(["h2"])
    server = Http2Server()
    listening = await asyncio.start_server(server.meet, "127.0.0.1", 0, ssl=context)
    base = f"https://localhost:{listening.sockets[0].getsockname()[1]}"
    asks = {str(number): Ask(path=f"Observation?n={number}") for number in range(8)}
    limits = Limits(seconds=5, answer_bytes=10_000, call_bytes=100_000)
    found = {}
    try:
        for trusted in (public, None):
            trust = httpx.create_ssl_context() if trusted is None else ssl.create_default_context(cafile=str(trusted))
            async with open_client(AddressGuard(allowed=LOOPBACK), context=trust) as http:
                servers = FhirServers(http, limits=limits, origins=[base])
                found[trusted] = await servers.fetch(base, asks, token=TOKEN, budget=limits.budget())
    finally:
        listening.close()
    assert {one.problem for one in found[public].values()} == {None}
    assert {one.problem for one in found[None].values()} == {"no connection"}
    assert server.connections == 1
    assert sorted(server.asked) == [(f"/Observation?n={number}", f"Bearer {TOKEN}") for number in range(8)]
