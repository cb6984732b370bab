"""The named policies of governance: who must agree besides the floor, how small a sample may be, how long a word holds.

Gates, limits and the floor of the quorum are the same in each. An organisation may write a policy of its own: a file
that asks for more than `standard`, in any of its parts, and never for less.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from types import MappingProxyType
from typing import Annotated, Final, Literal, get_args

import msgspec

from services.guidance.evidence_limits import OBSERVED_EXPECTED
from services.guidance.lifecycle import ENTRY, NEVER_VOTE, Reduced, Role, State
from services.guidance.manifest import RiskTier
from services.timeline.errors import BadInput

TIERS: Final[tuple[RiskTier, ...]] = get_args(RiskTier)
Quorum = Mapping[RiskTier, Mapping[State, frozenset[Role]]]


REDUCED: Final = Reduced(
    roles=frozenset[Role]({"clinical-reviewer"}),
    one_of=frozenset[Role]({"data-science-reviewer", "equity-reviewer"}),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Floors:
    """The smallest samples that a gate takes."""

    training_rows: int
    training_events: int
    riley_share: float
    """Of the sample that Riley's criteria ask for."""
    silent_decisions: int
    silent_matured: int
    silent_events: int
    trial_units: int
    """In each arm, followed to the end."""
    trial_events: int
    """In all arms together."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """A named way to govern."""

    name: str
    said: str
    floors: Floors
    quorum: Quorum = field(default_factory=dict)
    """Roles that must agree besides those of the floor, by risk tier and state."""
    reduced: Reduced | None = REDUCED
    """Who must agree to an update within an agreed change plan, two distinct people at least; None: everyone, always."""
    observed_expected: tuple[float, float] = OBSERVED_EXPECTED
    """Limits of observed / expected in the silent month: 20 % either way."""
    replays: bool = False
    """Whether a silent period may be one of replayed calls: only where patients are made up."""
    failed_share: float = 0.01
    """Of the calls in a silent period, so many may fail."""
    in_record_share: float = 0.95
    """Of its decisions, the learner must know the patients of so many."""
    deploys: Literal["at once", "by decision"] = "at once"
    """When the vote lets a release speak: everywhere at once, or only where operations then decide."""
    approval_days: int = 180
    """An approval counts for so long; a quorum that takes longer no longer looks at the same facts."""
    proposal_days: int = 365
    """Before silence, a proposal of which nothing came for so long has lapsed."""
    review_days: Mapping[RiskTier, int] = field(
        default_factory=lambda: MappingProxyType({"low": 730, "moderate": 365, "high": 180})
    )
    """What speaks is looked at again after so long."""
    grace_days: Mapping[RiskTier, int] = field(
        default_factory=lambda: MappingProxyType({"low": 90, "moderate": 60, "high": 30})
    )
    """So long after the day of its review it may still be deployed and promoted."""
    overdue_blocks: frozenset[RiskTier] = frozenset({"high"})
    """Tiers in which a review that is overdue beyond grace blocks that, until the committee lets it go on."""
    overdue_silences: frozenset[RiskTier] = frozenset()
    """Tiers in which it is suspended then, by a date and no person; none unless an organisation says so."""
    unused_days: int = 90
    """An approval to speak that nobody has used for so long lapses, and is voted again."""
    report_days: int = 2
    """Monitors are live if counts came back within so many days."""

    def narrowed(self, agreed: tuple[float, float]) -> tuple[float, float]:
        """Limits of observed / expected: the policy's, and within them what a guidance agreed for itself."""
        (low, high), (least, most) = self.observed_expected, agreed
        return max(low, least), min(high, most)

    def further_roles(self, tier: RiskTier, state: State) -> frozenset[Role]:
        """Who must agree besides the floor; nobody where one person is enough."""
        if not ENTRY[state].roles:
            return frozenset()
        return self.quorum.get(tier, {}).get(state, frozenset())


_FURTHER: Final[Quorum] = MappingProxyType(
    {
        # Whoever bears the alerts of a high-risk guidance agrees before there are any.
        "high": {
            "pilot": frozenset[Role]({"operations"}),
            "general": frozenset[Role]({"statistician"}),
        },
    }
)
POLICIES: Final[Mapping[str, Policy]] = MappingProxyType(
    {
        "standard": Policy(
            name="standard",
            said="Full sample sizes.",
            quorum=_FURTHER,
            floors=Floors(
                # 100 events and 100 non-events are the usual floor for judging calibration.
                training_rows=1000, training_events=100, riley_share=1.0,
                silent_decisions=1000, silent_matured=500, silent_events=100,
                trial_units=500, trial_events=100,
            ),
        ),
        "demo": Policy(
            name="demo",
            said="DEMONSTRATION policy: made-up patients, demo persons and small samples. Not for patient care.",
            replays=True,
            quorum=_FURTHER,
            floors=Floors(
                training_rows=200, training_events=20, riley_share=0.1,
                silent_decisions=50, silent_matured=30, silent_events=3,
                trial_units=30, trial_events=3,
            ),
        ),
    }
)  # fmt: skip

_Days = Annotated[int, msgspec.Meta(ge=1)]


class _Written(msgspec.Struct, forbid_unknown_fields=True):
    """The file of an organisation's own policy; what it leaves out is as in `standard`."""

    name: Annotated[str, msgspec.Meta(pattern=r"^[a-z][a-z0-9-]{0,31}$")]
    said: Annotated[str, msgspec.Meta(max_length=200)]
    quorum: dict[RiskTier, dict[State, list[Role]]] = {}
    floors: dict[str, float] = {}
    approval_days: _Days | None = None
    proposal_days: _Days | None = None
    review_days: dict[RiskTier, _Days] = {}
    grace_days: dict[RiskTier, _Days] = {}
    overdue_blocks: list[RiskTier] = []
    overdue_silences: list[RiskTier] = []
    unused_days: _Days | None = None
    reduced_quorum: bool = True
    reduced_roles: list[Role] = []
    report_days: _Days | None = None


def read_policy(data: bytes, *, place: str) -> Policy:
    """An organisation's own policy (JSON or YAML); BadInput if it asks for less than `standard` in any of its parts."""
    try:
        written = msgspec.yaml.decode(data, type=_Written)
    except (msgspec.DecodeError, msgspec.ValidationError) as fault:
        raise _bad(f"it cannot be read: {fault}", place) from fault
    standard = POLICIES["standard"]
    if written.name in POLICIES:
        raise _bad(f"{written.name} is the name of a policy that comes with Knowdo", place)
    return replace(
        standard,
        name=written.name,
        said=written.said,
        quorum=_quorum(standard, written, place),
        floors=_floors(standard.floors, written.floors, place),
        approval_days=_shorter("approval_days", written.approval_days, standard.approval_days, place),
        proposal_days=_shorter("proposal_days", written.proposal_days, standard.proposal_days, place),
        report_days=_shorter("report_days", written.report_days, standard.report_days, place),
        reduced=_reduced(standard, written, place),
        unused_days=_shorter("unused_days", written.unused_days, standard.unused_days, place),
        # Added to those of `standard`.
        overdue_blocks=standard.overdue_blocks | frozenset(written.overdue_blocks),
        overdue_silences=frozenset(written.overdue_silences),
        grace_days={
            tier: _shorter(f"grace_days.{tier}", written.grace_days.get(tier), days, place)
            for tier, days in standard.grace_days.items()
        },
        review_days={
            tier: _shorter(f"review_days.{tier}", written.review_days.get(tier), days, place)
            for tier, days in standard.review_days.items()
        },
    )


def _quorum(standard: Policy, written: _Written, place: str) -> Quorum:
    asked: dict[RiskTier, dict[State, frozenset[Role]]] = {}
    for tier in TIERS:
        for state in ENTRY:
            more = frozenset(written.quorum.get(tier, {}).get(state, ()))
            if more and not ENTRY[state].roles:
                raise _bad(f"nobody votes on {state}", f"{place}: quorum.{tier}.{state}")
            if barred := sorted(more & NEVER_VOTE.keys()):
                raise _bad(f"a {barred[0]} never votes: {NEVER_VOTE[barred[0]]}", f"{place}: quorum.{tier}.{state}")
            if everyone := more | standard.further_roles(tier, state):
                asked.setdefault(tier, {})[state] = everyone
    return asked


def _reduced(standard: Policy, written: _Written, place: str) -> Reduced | None:
    """No reduced quorum, or that of `standard` with more roles."""
    if barred := sorted(set(written.reduced_roles) & NEVER_VOTE.keys()):
        raise _bad(f"a {barred[0]} never votes: {NEVER_VOTE[barred[0]]}", f"{place}: reduced_roles")
    if not written.reduced_quorum or standard.reduced is None:
        return None
    return replace(standard.reduced, roles=standard.reduced.roles | frozenset(written.reduced_roles))


def _floors(standard: Floors, written: Mapping[str, float], place: str) -> Floors:
    least = asdict(standard)
    for name, value in written.items():
        if name not in least:
            raise _bad(f"no such floor; there are {', '.join(least)}", f"{place}: floors.{name}")
        if value < least[name]:
            raise _bad(f"{value:g} is less than {least[name]:g}, the floor of `standard`", f"{place}: floors.{name}")
    return Floors(**{**least, **{name: type(least[name])(value) for name, value in written.items()}})


def _shorter(name: str, written: int | None, standard: int, place: str) -> int:
    if written is not None and written > standard:
        raise _bad(f"{written} days are more than the {standard} of `standard`", f"{place}: {name}")
    return standard if written is None else written


def _bad(said: str, place: str) -> BadInput:
    return BadInput(said, place=place, remedy="A policy of your own asks for more than `standard`, never for less")
