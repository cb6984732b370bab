"""The faults: each by its name, what it changes where that is data, and the check that must find it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

Content = dict[str, Any]


def _each_service(**changes: Any) -> Callable[[Content], Content]:
    return lambda offered: {"services": [entry | changes for entry in offered["services"]]}


def _template(template: str) -> Callable[[Content], Content]:
    return lambda offered: {
        "services": [entry | {"prefetch": entry["prefetch"] | {"more": template}} for entry in offered["services"]]
    }


def _set(**changes: Any) -> Callable[[Content], None]:
    return lambda card: card.update(changes)


def _drop(*names: str) -> Callable[[Content], None]:
    def drop(card: Content) -> None:
        for name in names:
            del card[name]

    return drop


def _inside(*path: str | int, **changes: Any) -> Callable[[Content], None]:
    """Change what stands at a path of the card; a change to `...` takes the field away."""

    def change(card: Content) -> None:
        part: Any = card
        for step in path:
            part = part[step]
        for name, value in changes.items():
            if value is ...:
                del part[name]
            else:
                part[name] = value

    return change


DISCOVERIES: Final[dict[str, Callable[[Content], Content]]] = {
    "services no list": lambda offered: {"services": {"practice": offered["services"][0]}},
    "blank description": _each_service(description=" "),
    "prefetch a list": _each_service(prefetch=["Patient/{{context.patientId}}"]),
    "version STU1": _each_service(version="STU1"),
    "listed twice": lambda offered: {"services": offered["services"] * 2},
    "extension a list in discovery": _each_service(extension=[{"url": "x"}]),
    "null in discovery": _each_service(title=None),
    "hook without a domain": _each_service(hook="tea-time"),
    "no FHIR version": _each_service(description="Offers something."),
    "template with a verb": _template("GET Patient/{{context.patientId}}"),
    "old token": _template("Patient/{{Patient.id}}"),
    "token into the orders": _template("Medication/{{context.draftOrders.entry.resource.id}}"),
    "chained search": _template("Observation?patient.name=x&_include=Observation:subject"),
}
ANSWERS: Final[dict[str, Callable[[Content], Any]]] = {
    "no cards": lambda _: {},
    "cards null": lambda _: {"cards": None},
    "extension a list": lambda answer: answer | {"extension": [{"url": "x"}]},
    "empty system actions": lambda answer: answer | {"systemActions": []},
    "system actions without a type": lambda answer: answer | {"systemActions": [{"description": "Do"}]},
    "the same uuid": lambda answer: {"cards": answer["cards"] * 2},
    "one hook broken": lambda answer: {"cards": 1} if "systemActions" in answer else answer,
}
CARDS: Final[dict[str, Callable[[Content], None]]] = {
    "null in a card": _set(extension={"org.example.x": None}),
    "empty links": _set(links=[]),
    "no uuid": _drop("uuid"),
    "uuid no UUID": _set(uuid="card-1"),
    "summary of 140": _set(summary="x" * 140),
    "no summary": _drop("summary"),
    "script in the detail": _set(detail="<script>alert(1)</script>"),
    "hard-stop": _set(indicator="hard-stop"),
    "no source label": _inside("source", label=...),
    "relative icon": _inside("source", icon="/icon.png"),
    "topic without a system": _inside("source", "topic", system=...),
    "no selectionBehavior": _drop("selectionBehavior"),
    "two recommended": _inside("suggestions", 1, isRecommended=True),
    "suggestion without a label": _inside("suggestions", 0, label=...),
    "actions empty": _inside("suggestions", 0, actions={}),
    "actionSelectionBehavior": _inside("suggestions", 0, actionSelectionBehavior="all"),
    "CREATE": _inside("suggestions", 0, "actions", 1, type="CREATE"),
    "no description": _inside("suggestions", 0, "actions", 1, description=...),
    "create without a resource": _inside("suggestions", 0, "actions", 1, resource=...),
    "resource a text": _inside("suggestions", 0, "actions", 1, resource="{}"),
    "update without an id": _inside("suggestions", 1, "actions", 0, "resource", id=...),
    "delete with a resource": _inside("suggestions", 0, "actions", 0, resource="MedicationRequest/o1"),
    "delete by address": _inside("suggestions", 0, "actions", 0, resourceId="https://x.example/MedicationRequest/o1"),
    "relative link": _inside("links", 0, url="/read"),
    "link of another type": _inside("links", 0, type="web"),
    "appContext on absolute": _inside("links", 0, appContext="x"),
    "reason without a display": _inside("overrideReasons", 0, display=...),
}

FOUND_BY: Final[dict[str, str]] = {
    # Transport and JSON, discovery
    "called a web page": "answers_are_json",
    "trailing comma": "json_is_strict",
    "not a number": "json_is_strict",
    "discovery elsewhere": "discovery_is_there",
    "no HEAD": "head_is_answered",
    "ETag ignored": "etag_is_honoured",
    "discovery refuses tokens": "discovery_takes_a_token",
    "services no list": "services_is_a_list",
    "blank description": "entries_have_hook_id_and_description",
    "prefetch a list": "entries_are_of_the_stated_types",
    "version STU1": "version_is_that_of_cds_hooks",
    "listed twice": "each_hook_of_an_id_is_listed_once",
    "extension a list in discovery": "extensions_of_discovery_are_objects",
    "null in discovery": "nothing_in_discovery_is_empty",
    "hook without a domain": "own_hooks_have_reverse_domain_names",
    "no FHIR version": "fhir_version_is_said",
    "template with a verb": "templates_are_reads_or_searches",
    "old token": "tokens_are_paths_of_the_context",
    "token into the orders": "tokens_are_root_fields_of_their_hook",
    "chained search": "templates_keep_to_the_restricted_subset",
    # Prefetch and the FHIR server
    "500 for null": "null_breaks_nothing",
    "500 for an empty searchset": "an_empty_searchset_breaks_nothing",
    "500 for an outcome": "an_outcome_breaks_nothing",
    "500 for an outcome among entries": "an_outcome_among_entries_breaks_nothing",
    "500 for a web page": "a_web_page_as_prefetch_breaks_nothing",
    "asks again": "what_was_answered_is_not_asked_again",
    "500 for a next link": "a_paged_bundle_breaks_nothing",
    "first page only": "further_pages_are_fetched",
    "searchsets only": "a_collection_is_understood",
    "no wrappers": "a_wrapped_value_is_understood",
    "no arrays": "a_bare_array_is_understood",
    "500 without prefetch": "nothing_to_go_by_is_200_or_412",
    "says nothing": "a_412_says_what_is_missing",
    "never fetches": "what_is_left_out_is_fetched",
    "unresolved tokens": "templates_are_resolved_by_the_service_too",
    "old scopes only": "any_scope_is_understood",
    "fetches without the token": "the_token_is_presented",
    "follows anywhere": "no_next_link_leads_elsewhere",
    "follows redirects": "no_redirect_leads_elsewhere",
    "says the token back": "the_access_token_is_never_said_back",
    # What is taken and what is refused
    "forbids extensions": "an_extension_is_taken",
    "forbids unknown fields": "unknown_fields_are_tolerated",
    "64 characters": "long_ids_are_taken",
    "each instance once": "a_repeated_hook_instance_is_answered",
    "500 for a missing field": "a_missing_field_is_refused",
    "any type": "wrong_types_are_refused",
    "500 for broken JSON": "what_is_no_json_is_refused",
    "422 for a malformed call": "a_malformed_call_is_400",
    "any id": "an_unknown_service_is_404",
    "any hook": "the_wrong_hook_is_refused",
    "500 for a huge id": "a_huge_id_is_no_fault",
    "wrong method is 404": "a_wrong_method_is_405",
    "errors in plain text": "errors_are_operation_outcomes",
    # Tokens
    "open to all": "a_call_without_a_token_is_refused",
    "refuses every token": "a_token_is_taken",
    "audience a text only": "audience_may_be_a_list",
    "again and again": "a_token_is_taken_once",
    "open feedback": "feedback_without_a_token_is_refused",
    "explains": "a_refusal_does_not_explain",
    "403 for a stranger": "a_refusal_is_401",
    "asks any jku": "a_jku_of_a_stranger_is_not_fetched",
    "takes none": "alg_none_is_refused",
    "takes NoNe": "alg_none_in_other_letters_is_refused",
    "takes HS256": "hs256_with_the_public_key_is_refused",
    "takes HS384": "hs384_with_the_public_key_is_refused",
    "signature not looked at": "a_tampered_token_is_refused",
    "anything is a token": "what_is_no_token_is_refused",
    "no jti needed": "a_missing_jti_is_refused",
    "no exp needed": "a_missing_exp_is_refused",
    "no audience needed": "a_missing_audience_is_refused",
    "any audience": "another_audience_is_refused",
    "never expires": "an_expired_token_is_refused",
    "from the future": "a_token_of_the_future_is_refused",
    "any issuer": "an_unknown_issuer_is_refused",
    # Browsers, feedback, time
    "no preflight": "preflight_of_a_call",
    "token not allowed in a browser": "preflight_of_discovery",
    "no plain OPTIONS": "options_without_a_preflight_is_answered",
    "no cors": "answers_can_be_read_in_a_browser",
    "no cors on errors": "errors_can_be_read_in_a_browser",
    "refuses acceptance": "accepted_is_taken",
    "reason with a display": "overridden_is_taken",
    "reason required": "overridden_without_a_reason_is_taken",
    "no batches": "a_batch_is_taken",
    "no repeats": "a_repeat_is_taken",
    "known cards only": "an_unknown_card_is_taken",
    "any feedback": "malformed_feedback_is_refused",
    "takes ignored": "an_outcome_that_there_is_not_is_refused",
    "slow": "half_of_the_calls_take_at_most_500_ms",
    # Cards
    "no cards": "full_prefetch_is_answered",
    "cards null": "nothing_in_an_answer_is_empty",
    "extension a list": "extensions_are_objects",
    "empty system actions": "empty_system_actions_are_left_out",
    "system actions without a type": "system_actions_are_actions",
    "the same uuid": "uuids_are_unique",
    "one hook broken": "full_prefetch_is_answered",
    "null in a card": "nothing_in_an_answer_is_empty",
    "empty links": "nothing_in_an_answer_is_empty",
    "no uuid": "a_card_has_a_uuid_of_its_own",
    "uuid no UUID": "a_card_has_a_uuid_of_its_own",
    "summary of 140": "summary_is_short",
    "no summary": "summary_is_short",
    "script in the detail": "detail_is_markdown",
    "hard-stop": "indicator_is_one_of_three",
    "no source label": "source_has_a_label",
    "relative icon": "source_has_a_label",
    "topic without a system": "source_has_a_label",
    "no selectionBehavior": "suggestions_say_how_to_choose",
    "two recommended": "at_most_one_is_recommended",
    "suggestion without a label": "suggestions_have_a_label",
    "actions empty": "suggestions_have_a_label",
    "actionSelectionBehavior": "action_selection_is_not_used_unasked",
    "CREATE": "actions_have_type_and_description",
    "no description": "actions_have_type_and_description",
    "create without a resource": "create_and_update_have_a_resource",
    "resource a text": "create_and_update_have_a_resource",
    "update without an id": "create_and_update_have_a_resource",
    "delete with a resource": "delete_has_a_resource_id",
    "delete by address": "delete_has_a_resource_id",
    "relative link": "links_are_absolute",
    "link of another type": "links_are_absolute",
    "appContext on absolute": "app_context_is_for_smart_links",
    "reason without a display": "override_reasons_have_a_display",
}
"""Planted fault → the check that names it."""
NEEDS: Final[dict[str, tuple[str, ...]]] = {
    "errors_are_operation_outcomes": ("an_unknown_service_is_404",),
    "the_access_token_is_never_said_back": ("any_scope_is_understood",),
}
"""Checks that judge what others brought to light, and which others."""
