"""People with a password of their own, and how they sign in in a real browser."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Final

from sqlalchemy import Connection

from services.guidance.policies import Policy
from services.registry.people import accounts, persons
from tests.registry.console.served import SEALER, Served
from tests.registry.people.browsing import WORDS

if TYPE_CHECKING:
    from playwright.sync_api import Page

PEOPLE: Final = ("Ann Clinical", "Ben Data", "Cleo Equity", "Dee Patient")


def with_passwords(connection: Connection, policy: Policy, now: datetime) -> dict[str, str]:
    """Fill a registry with these people."""
    for name in PEOPLE:
        person = persons.add_person(connection, name, ["clinical-reviewer"], now=now, by="tests").person
        accounts.give_password(connection, name, now=now, by="tests", sealer=SEALER)
        accounts.change_password(connection, person, WORDS, now=now, sealer=SEALER)
    return {}


def sign_in(page: Page, registry: Served, name: str) -> None:
    """By the form; what follows is one's account."""
    page.goto(f"{registry.url}/sign-in?next=/account")
    page.fill("#name", name)
    page.fill("#password", WORDS)
    page.click("button[type=submit]")
