"""What binds a CDS service: the numbered items of CDS Hooks, and those of Inferno's server tests that bind any service.

Levels are those of the source; where it is silent and the field agrees, the item says so. S3 is CDS Hooks 3.0.0-ballot,
S2 is 2.0, REQ the numbered 2.0 requirements of Inferno's davinci-crd-test-kit, FSH the 3.0 logical models, INF its tests.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal

import msgspec

Level = Literal["SHALL", "SHOULD", "MAY"]
Marked = Literal["checked", "by design", "client's duty", "cannot be seen"]
Section = Literal[
    "Transport and JSON", "Discovery", "Service call", "Prefetch", "FHIR access", "Response", "Feedback",
    "Client authentication", "Other", "Inferno",
]  # fmt: skip


class Requirement(msgspec.Struct, frozen=True, kw_only=True):
    """One numbered item: what it asks for, how strongly, who says so, and whether a caller can see it kept."""

    number: str
    section: Section
    level: Level
    text: str
    source: str
    marked: Marked = "checked"
    why: str = ""
    """Why it is not checked from outside; empty for those that are."""


_Row = tuple[int, Level, str, str] | tuple[int, Level, str, str, Marked, str]
# fmt: off
_ITEMS: Final[Mapping[Section, tuple[_Row, ...]]] = {
    "Transport and JSON": (
        (1, "SHALL", "All data exchanged through the RESTful APIs is transmitted over HTTPS; TLS 1.2 or later.", "S3 Security; REQ2,168; INF"),
        (2, "SHALL", "JSON is sent and received; embedded FHIR uses the standard FHIR JSON serialization.", "S3 Use of JSON"),
        (3, "SHALL", "`null`, `\"\"`, `[]` and `{}` are prohibited unless stated; an optional field without a value is omitted.", "S3 Use of JSON; REQ3"),
        (4, "SHOULD", "`systemActions` without an action is omitted (FSH), unless the client is known to want it (INF wants it on three hooks).", "FSH; INF"),
        (5, "SHOULD", "JSON has no comments, no trailing commas and no NaN.", "S3 Use of JSON"),
    ),
    "Discovery": (
        (6, "SHALL", "The discovery endpoint is always available at {baseUrl}/cds-services, and answers 200 with an object.", "S3 Discovery; REQ4,5"),
        (7, "SHALL", "The answer is an object that contains a list `services`; without any service, an empty one.", "S3 Discovery"),
        (8, "SHALL", "Each service has `hook`, `id` and `description`; what else it says is of the stated type (`title`, `prefetch`, `usageRequirements`, `version`, `hookVersion`).", "S3 Discovery; FSH"),
        (9, "SHALL", "One id may stand for several hooks: then each hook is listed once, and each is answered.", "S3 Discovery; REQ211"),
        (10, "SHALL", "An `extension` in discovery is a JSON object.", "S3 Extensions"),
        (11, "SHALL", "Discovery can be called with a JWT whose audience is the discovery URL.", "S3 Client authentication"),
    ),
    "Service call": (
        (12, "SHALL", "The body is taken with `hook`, `hookInstance`, `context` (required), `fhirServer`, `fhirAuthorization`, `prefetch` and `extension` (an object).", "S3 Calling a CDS Service"),
        (13, "SHALL", "Unknown fields of the request and of its context are tolerated: minor versions add optional ones.", "S3 Hook versions, Extensions"),
        (14, "SHALL", "A hook that the service is not for is 4xx; an unknown id is 404; a malformed body is 400. Never 200, never 5xx.", "S3 HTTP status; REQ18; field practice"),
        (15, "SHOULD", "The service responds quickly, on the order of 500 ms.", "S3 Calling a CDS Service; REQ27"),
        (16, "SHALL", "`hookInstance` is globally unique and cannot be guessed.", "S3 Calling a CDS Service", "client's duty", "the client makes it; a service may use it to trace and must not trust it"),
    ),
    "Prefetch": (
        (17, "SHALL", "A template is a FHIR read or search; its tokens are `context.field` paths or the named user and patient tokens.", "S3 Prefetch tokens; REQ55,56,59"),
        (18, "SHALL", "In 2.0 a token names a root-level field of the context that its hook lets be used as a prefetch token.", "S2 Prefetch tokens; REQ57"),
        (19, "SHOULD", "A service resolves its own template when the client did not; no unresolved token reaches a FHIR server.", "S3 Prefetch"),
        (20, "SHOULD", "Templates keep to the restricted subset: read, type search, equality, `:in`, date comparisons, `_count`, `_maxresults`, `_sort`.", "S3 Prefetch query restrictions"),
        (21, "SHALL", "`null` and an empty searchset say: asked, nothing there. An OperationOutcome, as value or as entry, says: tried and failed. None of them breaks the call.", "S3 Example of pagination; Epic"),
        (22, "SHALL", "A Bundle with a `next` link is not all: its further pages are fetched, or the data is taken as incomplete; never an error.", "S3 Pagination"),
        (23, "SHOULD", "Bundles of any type, `{response, resource}` wrappers and bare arrays are understood.", "S3 examples; field practice"),
        (24, "SHOULD", "What the prefetch lacks is retrieved by the service itself.", "S3 Prefetch"),
        (25, "SHALL", "If required data cannot be had the answer is 412 Precondition Failed.", "S3; REQ54"),
        (26, "SHOULD", "FHIR resources are had by prefetch or from the FHIR server alike.", "REQ34"),
    ),
    "FHIR access": (
        (27, "SHALL", "`fhirAuthorization` is understood in its 2.0 and 3.0 form: `.read` and `.rs` scopes, any scope text, with or without `patient`.", "S3 FHIR resource access; FSH"),
        (28, "SHALL", "The access token is transient: it is never stored, shared or logged (seen from outside: never said back).", "S3 FHIR resource access"),
        (29, "SHALL", "The access token is presented to the FHIR server with each call.", "S3; REQ61"),
        (30, "SHALL", "The token goes to the named FHIR server only: no `next` link and no redirect leads elsewhere.", "RFC 6750 section 5.3; field practice"),
    ),
    "Response": (
        (31, "SHALL", "The answer is 200 with an object that contains a `cards` array.", "S3 CDS Service response; REQ74"),
        (32, "SHOULD", "Every card has a `uuid`, a UUID of its own; without it no feedback comes.", "S3 Card; FSH"),
        (33, "SHALL", "`summary` is one sentence of less than 140 characters.", "S3 Card"),
        (34, "SHALL", "`detail` is GitHub-flavoured Markdown, without active HTML.", "S3 Card"),
        (35, "SHALL", "`indicator` is info, warning or critical.", "S3 Card"),
        (36, "SHALL", "`source` has a `label`; `url` and `icon` are absolute; `topic` is a Coding.", "S3 Source"),
        (37, "SHALL", "With suggestions, `selectionBehavior` is at-most-one or any; at-most-one recommends at most one.", "S3 Card; FSH cds-resp-1"),
        (38, "SHALL", "A suggestion has a `label`; `uuid` is one of its own; no `actionSelectionBehavior` unless the client is known to support it.", "S3 Suggestion"),
        (39, "SHALL", "An action has `type` and `description`; create and update have a `resource`; delete has a `resourceId` and no resource.", "S3 Action; FSH cds-resp-2"),
        (40, "SHALL", "`systemActions` have the shape of actions.", "S3 System action"),
        (41, "SHALL", "A link has `label`, an absolute `url` and `type` absolute or smart; `appContext` only with smart.", "S3 Link"),
        (42, "SHALL", "`overrideReasons` are Codings with `display`.", "S3 Override reason"),
        (43, "SHALL", "A Coding has `code` and `system`.", "S3 Coding"),
        (44, "SHOULD", "An answer that is not 2xx has an OperationOutcome as its body.", "S3 HTTP status (3.0)"),
        (45, "SHALL", "Services that share an id answer with a full set of cards, which replaces the one before.", "S3 Discovery", "cannot be seen", "whether a set is full only its author knows"),
    ),
    "Feedback": (
        (46, "SHALL", "A feedback endpoint, if there is one, takes `feedback` entries with `card`, `outcome`, `acceptedSuggestions`, `overrideReason` and `outcomeTimestamp`.", "S3 Feedback; FSH cds-fb-2,3"),
        (47, "SHALL", "Batches, repeats and cards that are not known are normal: they are taken.", "S3 Feedback"),
        (48, "SHOULD", "Feedback is authenticated like any call; the audience is the endpoint.", "S3 Client authentication"),
    ),
    "Client authentication": (
        (49, "SHOULD", "A service that could expose sensitive data requires authentication.", "S3; REQ177"),
        (50, "SHALL", "A JWT as specified is accepted: header `alg`, `kid`, `typ`, `jku`; claims `iss`, `aud`, `exp`, `iat`, `jti`. One without a required part is not.", "S3 Client authentication; RFC 7519"),
        (51, "SHALL", "No JWT signed with `none` or a symmetric algorithm, and none whose signature does not fit, is accepted.", "S3; REQ201,203"),
        (52, "SHOULD", "Clients are trusted by an allow-list of `iss` and `jku`; a `jku` that is not on it is never fetched.", "S3; REQ195"),
        (53, "SHOULD", "`aud`, `exp`, `iat` and `jti` are checked; the refusal is a bare 401 that does not say why.", "S3 best practice; RFC 7519"),
        (54, "MAY", "Mutual TLS in addition.", "S3; REQ175,179", "by design", "between the proxy and the client, before a request reaches the service"),
    ),
    "Other": (
        (55, "SHALL", "CORS for browser-based clients: OPTIONS is answered, GET and POST and the headers Authorization and Content-Type are allowed, on errors too.", "S3 CORS; REQ208"),
        (56, "SHALL", "The value of an `extension` is a JSON object.", "S3 Extensions"),
        (57, "SHOULD", "A hook of one's own has a name in reverse-domain notation.", "S3 Hooks"),
        (58, "SHOULD", "Discovery says which FHIR version the service understands.", "S3; cds-hooks/docs 11"),
        (59, "SHALL", "Authorization and audit mechanisms support transparency of the use of the data.", "S3 Security", "cannot be seen", "an audit is read inside the service, not by its callers"),
    ),
    "Inferno": (
        (1, "SHALL", "TLS 1.2 or later on the base URL.", "INF tls_version_test"),
        (2, "SHALL", "Discovery is 200 with valid JSON; each service has `hook`, `description` and `id`, none of them blank.", "INF discovery"),
        (3, "SHALL", "A JWT is sent with every hook call whether or not the service wants one: it does no harm.", "INF"),
        (6, "SHALL", "Every action, system actions included, has `type` and `description`.", "INF; S2"),
        (7, "SHALL", "Required texts are not blank; an optional field that is present is not blank either.", "INF card validation"),
        (8, "SHALL", "A link's `url` has scheme http or https and a host; `appContext` on an absolute link is an error.", "INF card validation"),
        (9, "SHALL", "`selectionBehavior` is at-most-one or any; `actions` is not empty if present.", "INF card validation"),
        (10, "SHALL", "The `resource` of a create or update is a FHIR resource; that of an update has an id.", "INF card validation"),
        (14, "SHALL", "Every well-formed request is answered with 200.", "INF"),
    ),
}
# fmt: on


def _requirements() -> dict[str, Requirement]:
    found = {}
    for section, rows in _ITEMS.items():
        for row in rows:
            number, level, text, source = row[:4]
            name = f"I{number}" if section == "Inferno" else str(number)
            marked, why = (row[4], row[5]) if len(row) == 6 else ("checked", "")
            found[name] = Requirement(
                number=name, section=section, level=level, text=text, source=source, marked=marked, why=why
            )
    return found


REQUIREMENTS: Final[Mapping[str, Requirement]] = _requirements()
"""By number: "1" to "59" of CDS Hooks, "I1" and on of Inferno."""
