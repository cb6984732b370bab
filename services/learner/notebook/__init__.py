"""The learner in a notebook: `Cohort` reads rows from the store, `Scorecard` is a scikit-learn estimator of our models.

What is fitted here is what `knowdo learner train` fits, by the same functions; what is proposed is trained there.
"""

from services.learner.notebook.cohort import Cohort, FeatureMatrix
from services.learner.notebook.estimator import Scorecard

__all__ = ["Cohort", "FeatureMatrix", "Scorecard"]
