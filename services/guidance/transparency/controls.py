"""What may stand behind a control of the risk register: tests that are shipped and run, and monitors that watch.

An installed registry holds no tests, so those that a control may name are listed here, each with what it proves; a test
of ours looks every one of them up. A control that names something else dangles, and a dangling control opens no gate.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from services.guidance.definition import Guidance
from services.guidance.transparency.hazards import monitors_of

MONITOR: Final = "monitor:"

TESTS: Final[Mapping[str, str]] = MappingProxyType({
    # validity
    "tests/registry/decisions/test_training_gate.py::test_a_random_split_alone_does_not_meet": "what was never tested in a later time does not leave development",
    "tests/learner/test_retrain.py::test_what_became_known_later_is_not_read": "training reads nothing that was not known at the moment of prediction",
    "tests/learner/test_retrain.py::test_an_input_that_tells_the_outcome_rings_the_alarm_and_is_not_proposed": "an input that tells the outcome stops the proposal",
    "tests/learner/evidence/test_sample_size.py::test_a_cohort_too_small_is_refused_for_want_of_sample_size": "a sample that is too small is refused",
    "tests/registry/decisions/test_training_gate.py::test_what_could_not_be_judged_is_accepted_by_a_reviewer_or_not_at_all": "a published risk that could not be compared with what happened must be accepted by name",
    # reliability
    "tests/guidance/test_library_readmission_30d.py::test_one_patient_and_many_read_the_same": "the bedside and history read the same numbers",
    "tests/learner/test_retrain.py::test_the_same_data_and_seed_give_the_same_digests": "the same data and seed give the same release, byte for byte",
    "tests/learner/evidence/test_skew.py::test_what_no_cause_explains_is_unexplained": "a feature read otherwise at the bedside than in history is counted, with its cause or without",
    "tests/cds/decisions/test_durable.py::test_a_database_that_is_down_costs_no_decision": "no decision is lost while the database is down",
    # robustness
    "tests/cds/patient/test_fetch_missing.py::test_412_says_what_is_unknown_and_why": "required data that are unknown are an error that names them, never silence",
    "tests/cds/patient/test_bedside.py::test_only_a_whole_answer_says_that_something_is_absent": "what was not asked is never taken for absent",
    "tests/cds/patient/test_bedside.py::test_hostile_content_ends_in_states_and_never_in_a_fault": "malformed records end in an unknown, not in a wrong card",
    "tests/cds/advice/test_advise.py::test_unknown_inputs_are_answered_or_abstained_by_policy": "with too much unknown it says nothing and keeps why",
    # fairness
    "tests/guidance/test_library_readmission_30d.py::test_no_audit_feature_feeds_the_prediction": "race, ethnicity and language never enter the prediction of a readmission",
    "tests/guidance/test_library_diabetes_screening.py::test_no_audit_feature_feeds_a_risk": "race, ethnicity and language never enter the risk of diabetes",
    "tests/guidance/test_library_cardiovascular_prevention.py::test_no_audit_feature_feeds_a_risk": "race, ethnicity and language never enter a cardiovascular risk",
    "tests/guidance/checking/test_features.py::test_a_wrong_use_is_named_where_it_stands": "a guidance in which an audit feature feeds anything has a fault",
    "tests/guidance/test_support2_hospital_death.py::test_race_is_read_for_audit_only": "race is read for audit only in the study cohort",
    "tests/learner/evidence/test_read_otherwise.py::test_a_device_that_reads_too_high_in_one_group_is_found_there_and_nowhere_else": "a device that reads too high in one group is found in it and nowhere else",
    "tests/learner/evidence/test_intervals.py::test_subgroups_are_all_listed_and_judged_three_ways": "every group is listed and judged against limits fixed before the data",
    "tests/learner/evidence/test_looks.py::test_of_few_patients_no_number_is_told_and_two_attributes_are_looked_at_together": "of fewer than ten patients no number is told, and attributes are looked at two by two",
    # intelligibility
    "tests/learner/test_retrain.py::test_the_report_can_be_read_and_runs_nothing": "the evidence report is a page that a committee can read",
    "tests/cds/advice/test_advise.py::test_the_first_band_that_holds_is_taken_and_the_contributions_add_up": "the reasons on a card add up to its risk",
    "tests/cds/cards/test_lint.py::test_each_rule_broken_is_named_with_its_place": "a card that breaks a rule of wording does not leave",
    "tests/guidance/test_library_readmission_30d.py::test_a_withheld_score_is_said_and_not_made_up": "a score that cannot be computed is said to be withheld",
    # safety
    "tests/cds/governed/test_follow_registry.py::test_a_stop_is_effective_in_under_a_second": "one person stops it, effective in under a second",
    "tests/cds/governed/test_approved.py::test_an_expired_manifest_is_not_served": "unheard by the registry, it falls silent when its lease ends",
    "tests/cds/governed/test_circuit_breakers.py::test_it_is_loud_once_and_closes_with_the_hour": "over a number of cards an hour it answers with an error",
    "tests/cds/advice/test_suppress.py::test_a_first_card_and_a_higher_band_are_never_hidden": "a first card and a patient who got worse are never silenced",
    "tests/guidance/test_library_nephrotoxin_aki.py::test_it_cannot_speak_before_it_was_silent": "it begins silent",
    "tests/guidance/test_library_cardiovascular_prevention.py::test_an_intolerance_recorded_against_a_statin_withholds_the_draft": "no statin is drafted against a recorded intolerance",
    "tests/guidance/test_library_in_hospital_mortality.py::test_news2_is_withheld_when_a_measurement_is_missing": "no NEWS2 is made up from part of its measurements",
    # security
    "tests/cds/governed/test_approved.py::test_a_flipped_byte_silences_its_guidance": "a release of which one byte was changed does not speak",
    "tests/cds/governed/test_approved.py::test_a_manifest_that_is_unsigned_or_altered_is_refused": "only what the registry signed speaks",
    "tests/guidance/test_support2_hospital_death.py::test_the_card_says_that_it_is_a_study": "the card of the study says that it is one",
    "tests/cds/patient/test_prefetch_tokens.py::test_an_id_cannot_change_the_query": "what a caller sends cannot change a query",
    # privacy
    "tests/learner/test_retrain.py::test_the_evidence_holds_no_patient_and_no_time_of_writing": "the evidence holds no patient",
    "tests/cds/patient/test_fetch_missing.py::test_the_token_of_the_ehr_is_kept_nowhere": "the EHR's token is kept nowhere",
    "tests/learner/test_cohort.py::test_whoever_opted_out_of_research_is_left_out_and_counted": "whoever opted out of research is not learned from",
    "tests/learner/intake/test_erasure.py::test_an_erased_patient_is_in_no_file_and_the_store_is_that_of_the_others": "an erased patient is in no file of the learner",
})  # fmt: skip
"""Test → what it proves."""


def why_dangling(proof: str, guidance: Guidance) -> str:
    """Why nothing stands behind a control that names this; empty if something does."""
    if proof.startswith(MONITOR):
        known = monitors_of(guidance)
        name = proof.removeprefix(MONITOR)
        return "" if name in known else f"no monitor `{name}` watches this guidance; there are {', '.join(known)}"
    if proof in TESTS:
        return ""
    return "no test of that name is shipped as a control; they are listed in docs/reference/controls.md"


def proven(proof: str, guidance: Guidance) -> str:
    """What a test proves, or what a monitor watches and where its limit lies; empty if it dangles."""
    if proof.startswith(MONITOR):
        hazard = monitors_of(guidance).get(proof.removeprefix(MONITOR))
        return "" if hazard is None else f"{hazard.seen_by}; limit: {hazard.limit}"
    return TESTS.get(proof, "")
