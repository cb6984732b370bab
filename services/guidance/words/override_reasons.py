"""Why a clinician may decline a card: the codes of CDS Hooks 3.0.0-ballot, pinned; trial use, so map them on change."""

from __future__ import annotations

from typing import Final

OVERRIDE_SYSTEM: Final = "http://terminology.hl7.org/CodeSystem/non-adherence-reason-codes"
OVERRIDE_VERSION: Final = "3.0.0-ballot"

OVERRIDE_REASONS: Final = {
    "patient-ineligible": "Patient does not meet eligibility for recommended action",
    "indication-order-exists": "Patient has indication/order for intended action",
    "action-completed": "Recommended action was already completed",
    "action-not-priority": "Recommended action is not relevant or a priority in current state of health",
    "limited-time": "Could not address recommended action due to limited time",
    "wrong-time-workflow": "PC CDS delivered at wrong time in workflow or patient lifecycle",
    "inappropriate-recipient": "PC CDS delivered to inappropriate recipient/role",
    "need-more-info": "Could not address recommended action due to need for more information/pending results/pending consult",
    "does-not-align-latest-evidence": "Recommended action does not align with the latest evidence",
    "expert-contradicts": "Advice from expert contradicts the recommended action",
    "policy-contradicts": "Institutional policy/guideline contradicts the recommended action",
    "recipient-does-not-trust": "Recipient does not agree with or trust the recommended action",
    "risk-benefit-ratio": "Recipient assessment of risk/benefit ratio",
    "mitigate-risk-negative-outcome": "Action taken to mitigate risk of negative outcome",
    "likely-negative-health-outcomes": "Recommended action likely to have negative health outcomes",
    "patient-contraindication": "Patient has contraindication to recommended action",
    "patient-does-not-want-change": "Patient does not want to change behavior or believes the change is unnecessary",
    "prefers-alternative": "Patient prefers an alternative approach or treatment",
    "patient-refuses": "Patient refuses/declines (no context given)*",
    "inadequate-support": "Patient has inadequate caregiver/social support",
    "service-not-available": "Treatment or service is not practically available",
    "too-costly-uncovered": "Recommended action is too costly or not covered by insurance",
}
"""Code to display, all 22 as in HL7/cds-hooks, `CodeSystem-non-adherence-reason-codes`."""
