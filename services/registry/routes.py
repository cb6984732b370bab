"""Every route of the registry: pages for people, its API, FHIR. The first that fits answers.

Signing in through an organisation is there only where one is named: `app` adds it.
"""

from __future__ import annotations

from typing import Final

from services.registry import api, decision_api
from services.registry.console import (
    compare_page,
    evidence_page,
    guidance_page,
    memory_page,
    overview_page,
    place_page,
    report,
    review_page,
    shell,
    stop_page,
    talk_page,
    try_page,
)
from services.registry.deployed import api as deployed_api
from services.registry.fhir import api as fhir_api
from services.registry.fhir import authoring_routes, operations
from services.registry.memory import api as memory_api
from services.registry.notices import api as notices_api
from services.registry.people import account_api, account_page, audit, code_pages, factor_page, pages, token_endpoint
from services.registry.transparency import api as transparency_api
from services.registry.transparency import page as disclosure_page
from services.registry.waiting import api as waiting_api

CONSOLE: Final = (
    shell.static,
    overview_page.router,
    guidance_page.router,
    compare_page.router,
    try_page.router,
    memory_page.router,
    report.router,
    review_page.router,
    talk_page.router,
    place_page.router,
    stop_page.router,
    evidence_page.router,
    disclosure_page.router,
    notices_api.pages,
)
PEOPLE: Final = (
    pages.router,
    code_pages.router,
    account_page.router,
    factor_page.router,
    token_endpoint.router,
    audit.router,
)
API: Final = (
    api.router,
    decision_api.router,
    memory_api.router,
    deployed_api.router,
    transparency_api.router,
    notices_api.router,
    waiting_api.router,
    account_api.router,
)
# Operations first: `$release` would otherwise be read as an id.
FHIR: Final = (operations.router, authoring_routes.router, fhir_api.router)

ROUTERS: Final = (*CONSOLE, *PEOPLE, *API, *FHIR)
