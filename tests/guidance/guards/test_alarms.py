"""services/guidance/guards/alarms.py."""

from __future__ import annotations

from services.guidance.evidence import Estimate
from services.guidance.guards.alarms import SINGLE_INPUT_ALARM, mean_of_folds, raise_alarms
from services.guidance.guards.alone import Alone

QUIET = {"age": Alone(auroc=0.62, by="its value"), "sodium": Alone(auroc=0.7, by="its commonest value")}
HALF = Estimate(value=0.501, ci=(0.48, 0.522))


def test_nothing_rings_on_honest_figures() -> None:
    """The input that tells most is reported all the same."""
    found = raise_alarms(aurocs={"scorecard": 0.87}, auroc_alarm=0.87, alone=QUIET, shuffled=HALF)
    assert found.found == ()
    assert (found.largest_feature, found.largest_feature_auroc) == ("sodium", 0.7)
    assert found.shuffled_auroc == HALF


def test_a_model_above_the_upper_alarm_rings_and_names_the_input_to_look_at() -> None:
    """Each kind of model above the guidance's own limit, with the input that tells most alone."""
    aurocs = {"scorecard_additive": 0.871, "forest": 0.86}
    (said,) = raise_alarms(aurocs=aurocs, auroc_alarm=0.87, alone=QUIET, shuffled=HALF).found
    assert "scorecard additive has an AUROC of 0.871, above the alarm at 0.87" in said
    assert "sodium (0.700)" in said


def test_every_input_above_the_alarm_is_named_with_what_tells() -> None:
    """By its name, and by which reading of it."""
    alone = QUIET | {"died": Alone(auroc=1.0, by="its being there or missing"), "at_limit": Alone(auroc=SINGLE_INPUT_ALARM, by="its value")}  # fmt: skip
    (said,) = raise_alarms(aurocs={}, auroc_alarm=0.87, alone=alone, shuffled=HALF).found
    assert "The input died alone has an AUROC of 1.000 by its being there or missing" in said


def test_learning_from_shuffled_labels_rings() -> None:
    """An interval that leaves 0.5 out, on either side."""
    for ci in ((0.51, 0.53), (0.46, 0.49)):
        shuffled = Estimate(value=sum(ci) / 2, ci=ci)
        (said,) = raise_alarms(aurocs={}, auroc_alarm=0.87, alone=QUIET, shuffled=shuffled).found
        assert "With shuffled labels" in said


def test_the_mean_of_folds_is_as_wide_as_one_of_them() -> None:
    """Folds share their training rows: more folds do not narrow the interval."""
    folds = [Estimate(value=value, ci=(value - 0.03, value + 0.03)) for value in (0.48, 0.5, 0.55)]
    found = mean_of_folds(folds)
    assert round(found.value, 6) == 0.51
    assert round(found.ci[1] - found.ci[0], 6) == 0.06
