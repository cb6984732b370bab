"""The door to a mail server: one message, over STARTTLS unless the operator says otherwise. Errors name the server alone."""

from __future__ import annotations

import smtplib
import ssl
from dataclasses import dataclass
from email.message import EmailMessage
from email.utils import formatdate
from pathlib import Path
from typing import Final

from services.guidance.errors import Refused, Unavailable

SECONDS: Final = 20.0


@dataclass(frozen=True, slots=True, kw_only=True)
class MailServer:
    """A server that relays our mail."""

    host: str
    port: int
    sender: str
    user: str = ""
    password: str = ""
    starttls: bool = True
    ca_file: Path | None = None

    @property
    def place(self) -> str:
        """What an error names."""
        return f"{self.host}:{self.port}"


def send_mail(server: MailServer, *, to: str, subject: str, text: str, message_id: str) -> None:
    """Hand one message over; Refused if it will never be taken, Unavailable if it may be later. Blocks."""
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = server.sender, to, subject
    message["Date"], message["Message-ID"] = formatdate(), message_id
    message["Auto-Submitted"] = "auto-generated"  # RFC 3834: no out-of-office answers it
    message.set_content(text)
    try:
        with smtplib.SMTP(server.host, server.port, timeout=SECONDS) as smtp:
            if server.starttls:
                smtp.starttls(context=ssl.create_default_context(cafile=server.ca_file))
            if server.user:
                smtp.login(server.user, server.password)
            smtp.send_message(message)
    except smtplib.SMTPRecipientsRefused as fault:
        codes = [code for code, _ in fault.recipients.values()]
        if codes and all(500 <= code < 600 for code in codes):
            raise Refused("the mail server does not take this address", place=server.place) from None
        raise Unavailable("the mail server does not take the message now", place=server.place) from None
    except (smtplib.SMTPException, OSError) as fault:
        # An answer of the server may repeat the address: its type and code are told, not its words.
        code = f" {fault.smtp_code}" if isinstance(fault, smtplib.SMTPResponseException) else ""
        raise Unavailable(
            f"the mail server did not take it ({type(fault).__name__}{code})",
            place=server.place,
            remedy="Check KNOWDO_REGISTRY_SMTP_… and that the server runs",
        ) from None
