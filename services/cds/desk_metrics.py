"""What the desk counts: decisions by what became of them, how long calls took, and faults that someone must look at."""

from __future__ import annotations

from prometheus_client import Counter, Histogram

from services.cds.decisions.decision import Decision
from services.cds.decisions.retention import Done
from services.plumbing.metrics import ServiceMetrics


class DeskMetrics:
    """The counters of one service; labels are guidance that is deployed here, and closed sets of words."""

    def __init__(self, metrics: ServiceMetrics) -> None:
        self.decisions = metrics.counter("decisions_total", "Decisions, by guidance and status", ("guidance", "status"))
        self.suppressed = metrics.counter(
            "suppressed_total", "Cards that were due and not shown, by guidance and reason", ("guidance", "reason")
        )
        self.feedback = metrics.counter(
            "feedback_total", "Feedback on cards, by guidance and outcome", ("guidance", "outcome")
        )
        self.overrides = metrics.counter(
            "overrides_total", "Cards declined, by guidance and reason", ("guidance", "reason")
        )
        self.faults = metrics.counter("faults_total", "Answers withheld because of a fault", ("guidance", "kind"))
        self.spooled = metrics.counter("spooled_total", "Records that went to the spool, the database being down")
        self._retained = metrics.counter("retained_total", "Rows that retention changed or removed, by what", ("what",))
        self.refused = metrics.counter("manifests_refused_total", "Manifests or releases that were refused")

        self.beside = metrics.counter(
            "beside_total",
            "What silent releases decided beside one that speaks, by guidance and status",
            ("guidance", "status"),
        )
        self.beside_lost = metrics.counter(
            "beside_lost_total",
            "Decisions of silent releases beside one that speaks that were not kept, by why",
            ("why",),
        )
        self._calls = metrics.histogram("call_seconds", "Time of a call until its answer is durable", ("guidance",))
        # `labels()` validates and locks on every call; the pairs seen are few, so they are kept.
        self._decided: dict[tuple[str, str], Counter] = {}
        self._took: dict[str, Histogram] = {}

    def decided(self, kept: Decision) -> None:
        """Count a decision by what became of it."""
        key = (kept.guidance, kept.status)
        if (counter := self._decided.get(key)) is None:
            counter = self._decided[key] = self.decisions.labels(*key)
        counter.inc()

    def took(self, guidance: str, seconds: float) -> None:
        """Note how long a call of a guidance that is deployed here took."""
        if (histogram := self._took.get(guidance)) is None:
            histogram = self._took[guidance] = self._calls.labels(guidance)
        histogram.observe(seconds)

    def retained(self, done: Done) -> None:
        """What a round of retention did."""
        self._retained.labels("pseudonymised").inc(done.pseudonymised)
        self._retained.labels("deleted").inc(done.deleted)
        self._retained.labels("days").inc(done.days_dropped)
