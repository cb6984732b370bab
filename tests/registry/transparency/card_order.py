"""The order of the applied model card v0.2, read from its published schema: `?` may be missing, `*` may be repeated."""

from __future__ import annotations

from typing import Any

_METRIC: dict[str, Any] = {
    "MetricGoal": {}, "Results": {"MetricResult*": {"Label": {}, "ValueJson": {}}}, "Interpretation": {}, "TestType": {},
    "TestingDataDescription": {}, "ValidationProcessAndJustification": {},
}  # fmt: skip
ORDER: dict[str, Any] = {
    "BasicInfo": {"ModelName": {}, "ModelDeveloper": {}, "DeveloperContact": {}},
    "ReleaseInfo": {
        "ReleaseStage": {}, "ReleaseDate": {}, "ReleaseVersion": {}, "GlobalAvailability": {},
        "EHRCompatibility?": {"EHR*": {}}, "RegulatoryApproval?": {},
    },
    "ModelSummary": {"Summary": {}, "Keywords": {"Keyword*": {}}},
    "UsesAndDirections": {
        "IntendedUseAndWorkflow": {}, "PrimaryIntendedUsers": {}, "HowToUse": {}, "TargetedPatientPopulation": {},
        "CautionedOutOfScopeSettings": {},
    },
    "Warnings": {"KnownRisksAndLimitations": {}, "KnownBiasesOrEthicalConsiderations": {}, "ClinicalRiskLevel": {}},
    "TrustIngredients": {
        "AISystemFacts": {
            "OutcomesAndOutputs": {}, "ModelType": {}, "FoundationModels?": {}, "InputDataSource": {},
            "OutputAndInputDataTypes": {}, "DevelopmentDataCharacterization": {}, "BiasMitigationApproaches": {},
            "OngoingMaintenance": {}, "Security?": {}, "Transparency?": {},
        },
        "TransparencyInformation": {"FundingSource": {}, "ThirdPartyInformation?": {}, "StakeholdersConsulted": {}},
    },
    "KeyMetrics": {"UsefulnessUsabilityEfficacy": _METRIC, "FairnessEquity": _METRIC, "SafetyReliability": _METRIC},
    "Resources": {
        "EvaluationReferences?": {}, "ClinicalTrial?": {}, "PeerReviewedPublications": {}, "ReimbursementStatus?": {},
        "PatientConsentOrDisclosure": {},
    },
    "Bibliography": {},
}  # fmt: skip
