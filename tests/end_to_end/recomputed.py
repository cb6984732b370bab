"""The computed source attributes once more, from the rows, the risks and the bare YAML: by other code than what discloses them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

import numpy as np
import statsmodels.api as sm
from numpy.typing import NDArray
from sklearn.metrics import brier_score_loss, roc_auc_score

from services.learner.feature_matrix import CohortRows
from tests.end_to_end.learned_library import Learned, Numbers

Mask = NDArray[np.bool_]
BANDS = ((18, 45, "18 to 44"), (45, 65, "45 to 64"), (65, 80, "65 to 79"), (80, 200, "80 and over"))
READ_FROM = {
    "race": "Patient.race", "ethnicity": "Patient.ethnicity", "language": "Patient.language", "sex": "Patient.gender",
}  # fmt: skip
PAYERS = {"EHCPOL": "extended healthcare", "PUBLICPOL": "public healthcare"}
WAYS = {
    "model": "input of the prediction", "helper": "read to compute another feature",
    "rule": "read for a rule or a published score", "audit": "read for fairness audits only",
}  # fmt: skip
NOT_READ = ("sexual_orientation", "gender_identity", "social_determinants", "health_status")


def groups_of(learned: Learned, rows: CohortRows) -> dict[str, dict[str, Mask]]:
    """Attribute → group → its rows, by what the features, the sites and the insurance say."""
    features: Mapping[str, Any] = learned.text["features"]
    found: dict[str, dict[str, Mask]] = {}
    age = rows.values[:, rows.names.index("age")]
    found["age"] = {said: (age >= low) & (age < high) for low, high, said in BANDS}
    for attribute, source in READ_FROM.items():
        name, feature = next((name, one) for name, one in features.items() if one.get("from") == source)
        column = rows.values[:, rows.names.index(name)]
        words = {
            level: feature.get("words", {}).get(code, code.split("|")[1]) for code, level in feature["levels"].items()
        }
        groups = {
            word: np.isin(column, [level for level, one in words.items() if one == word]) for word in words.values()
        }
        found[attribute] = {**groups, "unknown": ~np.isin(column, list(words))}
    found["site"] = {name: rows.sites.of == place for place, name in enumerate(rows.sites.names)}
    payer = rows.setting.told["payer"]
    code = np.array([word.split("\n")[0].split("|")[1] for word in payer.words])[payer.of]
    found["payer"] = {said: code == one for one, said in PAYERS.items()}
    return {name: {said: mask for said, mask in groups.items() if mask.any()} for name, groups in found.items()}


def demographics(learned: Learned) -> dict[str, dict[str, int]]:
    """Patients of the first prediction's rows in each group."""
    rows = learned.found["risk"].rows
    return {
        attribute: {said: len(set(rows.patients[mask].tolist())) for said, mask in groups.items()}
        for attribute, groups in groups_of(learned, rows).items()
    }


def learned_from(learned: Learned) -> str:
    """How many rows of how many patients, with how many events, from when to when."""
    rows = learned.found["risk"].rows
    first, last = (datetime.fromtimestamp(int(at) / 1e6, UTC).date() for at in (rows.at.min(), rows.at.max()))
    return (
        f"{len(rows.y):,} moments of prediction of {len(set(rows.patients.tolist())):,} patients, {int(rows.y.sum()):,} with "
        f"the outcome, {first} to {last}"
    )


def calibration(y: Numbers, risk: Numbers) -> tuple[float, float]:
    """The intercept with the slope fixed at 1, and the slope, by statsmodels."""
    logit = np.log(risk / (1 - risk))
    both = sm.GLM(y, sm.add_constant(logit), family=sm.families.Binomial()).fit()
    offset = sm.GLM(y, np.ones(len(y)), family=sm.families.Binomial(), offset=logit).fit()
    return float(offset.params[0]), float(both.params[1])


def validity(learned: Learned) -> list[str]:
    """Of each prediction AUROC, Brier, rows and events; intercept and slope to two decimals."""
    said = []
    for name, found in learned.found.items():
        y, risk = found.rows.y, learned.risks[name]
        intercept, slope = calibration(y.astype(float), risk)
        label = learned.text["outcome"]["name"] if name == "risk" else learned.text["predictions"][name]["label"]
        said += [
            f"{label}: AUROC {roc_auc_score(y, risk):.3f} (", f"Brier {brier_score_loss(y, risk):.4f}, on {len(y):,} rows with {y.sum():,} events",
            f"calibration slope {slope:.2f} (", f"intercept {intercept + 0.0:.2f} (",
        ]  # fmt: skip
    return said


def verdicts(learned: Learned, name: str) -> dict[tuple[str, str], str]:
    """Every group of a prediction by its verdict: values from rows and risks, intervals as filed, limits from the YAML."""
    limits = learned.text.get("evidence", {})
    filed = learned.file("evidence.json")["predictions"][name]["looks"]["groups"]
    rows, risk = learned.found[name].rows, learned.risks[name]
    y, flagged = rows.y, risk >= filed["threshold"]
    low, high = limits.get("observed_expected", (0.8, 1.25))
    bounds = {
        "auroc": (roc_auc_score(y, risk) - limits.get("auroc_below", 0.05), np.inf),
        "observed_expected": (low, high),
        "sensitivity": (flagged[y == 1].mean() - limits.get("missed_above", 0.1), np.inf),
        "false_alarm_rate": (-np.inf, flagged[y == 0].mean() + limits.get("false_alarms_above", 0.1)),
    }
    masks = groups_of(learned, rows)
    found = {}
    for group in filed["groups"]:
        mask = masks[group["attribute"]][group["value"]]
        with_event, without = (len(set(rows.patients[mask & (y == one)].tolist())) for one in (1, 0))
        small = min(with_event, without) < limits.get("fewest", 10)
        assert (group["rows"], group["patients"]) == (int(mask.sum()), len(set(rows.patients[mask].tolist())))
        inside, outside = [], []
        for measure, value in _values(y[mask], risk[mask], flagged[mask]):
            estimate = group[measure]["estimate"]
            if estimate is not None:
                assert abs(estimate["value"] - value) < 1e-9, (group["attribute"], group["value"], measure)
            told = estimate is not None and not small
            least, most = bounds[measure]
            inside.append(told and least <= estimate["ci"][0] and estimate["ci"][1] <= most)
            outside.append(told and (estimate["ci"][1] < least or estimate["ci"][0] > most))
        verdict = "does not meet" if any(outside) else "meets" if all(inside) else "cannot tell"
        found[group["attribute"], group["value"]] = verdict
    assert {attribute: set(groups) for attribute, groups in masks.items()} == {
        attribute: {value for one, value in found if one == attribute} for attribute in masks
    }
    return found


def _values(y: Any, risk: Numbers, flagged: Mask) -> Iterator[tuple[str, float]]:
    yield "auroc", roc_auc_score(y, risk) if 0 < y.sum() < len(y) else np.nan
    yield "observed_expected", y.sum() / risk.sum()
    yield "sensitivity", flagged[y == 1].mean() if y.any() else np.nan
    yield "false_alarm_rate", flagged[y == 0].mean()


def fairness(learned: Learned) -> list[str]:
    """The counts of verdicts of each prediction, and who does not meet."""
    said = []
    for name in learned.found:
        found = verdicts(learned, name)
        n = Counter(found.values())
        said.append(
            f"{len(found)} groups; meets {n['meets']}, does not meet {n['does not meet']}, cannot tell {n['cannot tell']}."
        )
    return said


def uses(learned: Learned) -> dict[str, str]:
    """How each variable (5)-(13) is used, by the `from` and `use` of the features alone."""
    features = learned.text["features"].values()
    read = {
        variable: [one.get("use", "model") for one in features if source in str(one.get("from")) or (variable == "birth_date" and one["kind"] == "age")]
        for variable, source in {**READ_FROM, "birth_date": "Patient.birthDate"}.items()
    }  # fmt: skip
    said = {name: " and ".join(text for way, text in WAYS.items() if way in ways) for name, ways in read.items()}
    if learned.text.get("pronouns"):
        said["sex"] += " and read for the pronouns of the card"
    return {**said, **dict.fromkeys(NOT_READ, "not read")}


def rules(learned: Learned) -> str:
    """Who is in and who is left out, by the labels of the YAML."""
    features, population = learned.text["features"], learned.text["population"]

    def said(rule: str) -> str:
        return str(features[rule]["label"]) if rule in features else rule.replace(">=", "at least")

    inside, outside = ("; ".join(map(said, population[part])) for part in ("include", "exclude"))
    return f"By rule: {inside}. Left out: {outside}."
