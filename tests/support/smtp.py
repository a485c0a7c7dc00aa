"""A real SMTP server in the test's own event loop, with a certificate of its own making."""

from __future__ import annotations

import asyncio
import ssl
import warnings
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from ipaddress import ip_address
from pathlib import Path
from typing import Any, cast

from aiosmtpd.smtp import SMTP, AuthResult, LoginPassword
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

USER, PASSWORD = "shop", "the-password-of-the-mail-server"


@dataclass
class PostOffice:
    """What came in. `refusal` is what the next mails are answered with instead of being taken."""

    port: int = 0
    mails: list[EmailMessage] = field(default_factory=list)
    were_encrypted: list[bool] = field(default_factory=list)
    signed_in_as: list[str] = field(default_factory=list)
    attempts: int = 0
    refusal: str | None = None
    is_encrypted: bool = False

    async def handle_DATA(self, _: Any, session: Any, envelope: Any) -> str:  # noqa: N802 - aiosmtpd's name for it
        self.attempts += 1
        if self.refusal is not None:
            return self.refusal
        mail = message_from_bytes(envelope.content, policy=policy.default)
        assert isinstance(mail, EmailMessage)
        self.mails.append(mail)
        self.were_encrypted.append(self.is_encrypted or session.ssl is not None)
        return "250 OK"

    def authenticate(self, _: Any, __: Any, ___: Any, ____: str, data: Any) -> AuthResult:
        self.attempts += 1
        assert isinstance(data, LoginPassword)
        if (data.login, data.password) != (USER.encode(), PASSWORD.encode()):
            return AuthResult(success=False, handled=False)
        self.signed_in_as.append(data.login.decode())
        return AuthResult(success=True)


@asynccontextmanager
async def post_office(
    certificate: ssl.SSLContext | None = None, *, is_encrypted: bool = False, asks_password: bool = False
) -> AsyncIterator[PostOffice]:
    """A server on a free port. With a certificate it offers STARTTLS, or is encrypted from the start."""
    office = PostOffice(is_encrypted=is_encrypted)

    transports: list[asyncio.BaseTransport] = []

    class Connection(SMTP):
        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            transports.append(transport)
            super().connection_made(transport)

    def connected() -> SMTP:
        with warnings.catch_warnings():
            # It warns of passwords in the clear, and takes a socket that is encrypted from the start for one of those.
            warnings.simplefilter("ignore", UserWarning)
            return made()

    def made() -> SMTP:
        return Connection(
            office,
            hostname="mail.test",
            tls_context=None if is_encrypted else certificate,
            require_starttls=certificate is not None and not is_encrypted,
            auth_required=asks_password,
            auth_require_tls=certificate is not None and not is_encrypted,
            authenticator=office.authenticate,
            loop=asyncio.get_running_loop(),
        )

    server = await asyncio.get_running_loop().create_server(
        connected, "127.0.0.1", 0, ssl=certificate if is_encrypted else None
    )
    office.port = server.sockets[0].getsockname()[1]
    try:
        yield office
    finally:
        server.close()
        for transport in transports:
            # Some clients go without a word, and their end of the line is kept open otherwise.
            cast("asyncio.Transport", transport).abort()
        await server.wait_closed()
        await asyncio.sleep(0)


def contexts(directory: Path) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """A server's context with a certificate for this machine, and that of a client who trusts it."""
    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "mail.test")])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    both = directory / "mail.pem"
    secret = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    both.write_bytes(secret + certificate.public_bytes(Encoding.PEM))
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(both)
    client = ssl.create_default_context(cadata=certificate.public_bytes(Encoding.PEM).decode())
    return server, client
