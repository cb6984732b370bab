"""The messenger of these settings: the one place where they become servers and hosts."""

from __future__ import annotations

from typing import Any

from services.plumbing.mail import MailServer
from services.plumbing.webhooks import open_webhooks
from services.registry.desk import Desk
from services.registry.notices.choices import Ways
from services.registry.notices.messenger import Messenger
from services.registry.settings import RegistrySettings
from services.timeline.errors import BadInput


def ways_in(settings: RegistrySettings) -> Ways:
    """What people may choose from."""
    return Ways(mail=bool(settings.smtp_host), hosts=settings.webhook_hosts)


def open_messenger(settings: RegistrySettings, desk: Desk, facts: dict[str, Any]) -> Messenger:
    """The messenger, nothing sent yet; close its `http`."""
    return Messenger(
        desk=desk,
        ways=ways_in(settings),
        http=open_webhooks(settings.webhook_networks),
        mail=mail_server(settings),
        facts=facts,
    )


def mail_server(settings: RegistrySettings) -> MailServer | None:
    """The mail server; None if there is none, BadInput if a password would travel in clear or nobody is the sender."""
    if not settings.smtp_host:
        return None
    place = "KNOWDO_REGISTRY_SMTP_…"
    if "@" not in settings.smtp_from:
        raise BadInput("mail needs a sender", place=place, remedy="Set KNOWDO_REGISTRY_SMTP_FROM")
    if settings.smtp_user and not settings.smtp_starttls:
        raise BadInput("a password is not sent in clear", place=place, remedy="Leave STARTTLS on, or the user empty")
    return MailServer(
        host=settings.smtp_host,
        port=settings.smtp_port,
        sender=settings.smtp_from,
        user=settings.smtp_user,
        password=settings.smtp_password.get_secret_value() if settings.smtp_password else "",
        starttls=settings.smtp_starttls,
        ca_file=settings.smtp_ca_file,
    )
