"""What an integrator types into an EHR by hand, for one client: made from a running service's discovery.

From discovery and not from a guidance folder: only the service knows what is approved here, on which hooks, with which
codes of this site and under which address.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any, Final

from rich.console import Console
from rich.table import Table
from rich.text import Text

from services.cds.clients.profile import Profile
from services.cds.clients.speak import topic_code
from services.cds.discovery import GUIDANCE

Json = dict[str, Any]
VISIBLE: Final = {"label": "a button's label", "description": "the description of a button's action, not its label"}


def sheet_of(profile: Profile, discovery: Mapping[str, Any], *, base: str) -> Json:
    """Everything as JSON; `base` is the service's address, where its discovery does not name one."""
    entries = [entry for entry in discovery.get("services", []) if isinstance(entry, dict)]
    services = [service for entry in entries if (service := _service(profile, entry, base)) is not None]
    return {
        "client": profile.name,
        "title": profile.title,
        "source": profile.source,
        "discovery": f"{base}/cds-services" if profile.discovers else "not read by this client: type in what follows",
        "trust": {"issuer": profile.issuer, "keySet": profile.key_set},
        "visibleWords": VISIBLE[profile.suggestions.shown],
        "services": services,
        "notReached": [
            {"id": entry.get("id"), "hook": entry.get("hook")} for entry in entries if not _way(profile, entry)
        ],
        "warnings": list(_warnings(profile, services)),
        "notes": list(profile.notes),
    }


def show_sheet(sheet: Mapping[str, Any], *, console: Console) -> None:
    """Print it; long addresses and queries unwrapped, so that they can be copied."""
    console.print(Text(f"{sheet['title']}", style="bold"), f"({sheet['source']})", highlight=False)
    trust = sheet["trust"]
    _lines(
        console,
        [
            ("discovery", sheet["discovery"]),
            ("issuer", trust["issuer"]),
            ("key set", trust["keySet"]),
            ("seen by the user", sheet["visibleWords"]),
        ],
    )
    for service in sheet["services"]:
        console.print()
        console.rule(Text(f"{service['title']} · {service['hook']}", style="bold"), align="left")
        topic = service.get("topic", {})
        _lines(
            console,
            [
                ("endpoint", service["endpoint"]),
                ("feedback", service["feedback"]),
                *((("trigger", service["trigger"]),) if "trigger" in service else ()),
                *(("audience", one) for one in service["audiences"]),
                *((("topic", f"{topic['code']} ({topic['system']})"),) if topic else ()),
                *(
                    (f"{link['type']} link" + (", register it" if link["register"] else ""), link["url"])
                    for link in service["links"]
                ),
            ],
        )
        for key, query in service["prefetch"].items():
            mark = " (required)" if key in service["required"] else ""
            console.print(Text(f"  prefetch {key}{mark}\n    {query}"), soft_wrap=True)
        if service["overrideReasons"]:
            table = Table("override reason", "words", box=None)
            for reason in service["overrideReasons"]:
                table.add_row(reason["code"], reason["display"])
            console.print(table)
    for one in sheet["notReached"]:
        console.print(Text(f"Not called by this client: {one['id']} on {one['hook']}", style="yellow"))
    for warning in sheet["warnings"]:
        console.print(Text(f"Look: {warning}", style="yellow"))
    for note in sheet["notes"]:
        console.print(Text(f"- {note}"))


def _service(profile: Profile, entry: Mapping[str, Any], base: str) -> Json | None:
    way = _way(profile, entry)
    if not way:
        return None
    told = entry.get("extension", {}).get(GUIDANCE, {})
    keys = profile.prefetch.keys
    endpoint = told.get("endpoint") or f"{base}/cds-services/{entry['id']}"
    public = endpoint.rpartition("/cds-services/")[0]
    topic = told.get("topic")
    return {
        "id": entry["id"],
        "title": entry.get("title", entry["id"]),
        "guidance": {name: told[name] for name in ("version", "release", "stage") if name in told},
        **way,
        "endpoint": endpoint,
        "feedback": f"{endpoint}/feedback",
        "audiences": [endpoint, *(one.replace("{base}", public) for one in profile.audiences)],
        "prefetch": {keys.get(key, key): query for key, query in entry.get("prefetch", {}).items()},
        "required": [keys.get(key, key) for key in told.get("required", [])],
        **({"topic": {**topic, "code": topic_code(topic["code"], profile)}} if topic else {}),
        "overrideReasons": told.get("overrideReasons", []),
        "links": list(_links(profile, told)),
    }


def _way(profile: Profile, entry: Mapping[str, Any]) -> Json:
    """On which hook the client reaches a service, by which native trigger; empty if it does not."""
    hook = entry.get("hook")
    if not profile.hooks or hook in profile.hooks:
        return {"hook": hook}
    for value, stands_for in profile.triggers.hooks.items():
        if stands_for == hook:
            return {"hook": "patient-view", "trigger": f"{profile.triggers.names[value]} ({value}), heard as {hook}"}
    return {}


def _links(profile: Profile, told: Mapping[str, Any]) -> Iterator[Json]:
    """The links of the cards, the evidence page first, each with whether it must be registered."""
    evidence = [{"label": "Evidence", "url": told["evidence"], "type": "absolute"}] if "evidence" in told else []
    for link in (*evidence, *told.get("links", [])):
        yield {**link, "register": link["type"] in profile.links.registered}


def _warnings(profile: Profile, services: list[Json]) -> Iterator[str]:
    ids = {service["id"]: service["topic"]["code"] for service in services if "topic" in service}
    for code, times in Counter(ids.values()).items():
        if times > 1:
            yield f"{times} services have the topic code {code} at this client: an override of one is one of all"
    for identity, times in Counter(service["id"] for service in services).items():
        if times > 1 and profile.name == "sandbox":
            yield f"{identity} stands for {times} hooks: the Sandbox calls one of them"


def _lines(console: Console, pairs: list[tuple[str, str]]) -> None:
    for name, value in pairs:
        if value:
            console.print(Text(f"  {name}: {value}"), soft_wrap=True)
