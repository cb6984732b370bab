"""Whether rows are spread otherwise than those that were learned from: the population stability index, column by column.

Tenths of the old rows, and what is unknown as a part of its own: a laboratory that no longer sends is drift too.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.float64]

TENTHS: Final = np.linspace(0.1, 0.9, 9)
# A part that is empty on one side would make the index infinite; half a row stands in for none.
HALF_A_ROW: Final = 0.5


def stability_index(then: Numbers, now: Numbers) -> float:
    """Sum over the parts of (share now - share then) · ln(share now / share then); 0 if nothing has changed."""
    known = then[~np.isnan(then)]
    edges = np.unique(np.quantile(known, TENTHS)) if len(known) else np.empty(0)
    shares = []
    for values in (then, now):
        here = ~np.isnan(values)
        # An edge belongs to the part below it, so that a column of few values is parted by value.
        counts = np.bincount(np.searchsorted(edges, values[here], side="left"), minlength=len(edges) + 1).astype(
            np.float64
        )
        counts = np.maximum(np.append(counts, np.count_nonzero(~here)), HALF_A_ROW)
        shares.append(counts / counts.sum())
    before, after = shares
    return float(((after - before) * np.log(after / before)).sum())
