"""The evaluated policies two by two, over the same seeds."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

from ratchet.evaluation.comparison import Comparison, Episodes, compare_episodes
from ratchet.report.loop.outcomes import in_words, with_derived
from ratchet.report.tables import interval, percent

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ratchet.evaluation.comparison import MetricComparison
    from ratchet.report.document import CalloutKind, Tone
    from ratchet.report.loop.evidence import LoopEvidence, Player, Role
    from ratchet.report.tables import Format

_ORDER: tuple[tuple[Role, Role], ...] = (
    ("teacher", "clone"),
    ("clone", "PPO"),
    ("clone", "best"),
    ("teacher", "PPO"),
    ("teacher", "best"),
)
_CALLED: Mapping[Role, str] = {
    "teacher": "the teacher",
    "clone": "the clone",
    "PPO": "the PPO checkpoint",
    "best": "the pawl's best",
}


class Pair(NamedTuple):
    """Two policies, and what their paired episodes say of the second against the first."""

    before: Player
    after: Player
    metric: str
    comparison: Comparison

    @property
    def main(self) -> MetricComparison:
        """The comparison by the metric of the recipe."""
        return self.comparison.metrics[self.metric]

    @property
    def verdict(self) -> str:
        """What it comes to, in words."""
        if self.comparison.same_policy:
            return "same policy"
        gap = self.main.difference
        return "better" if gap.low > 0.0 else "worse" if gap.high < 0.0 else "no difference shown"

    @property
    def tone(self) -> Tone:
        """The tone of the verdict."""
        tones: dict[str, Tone] = {"better": "good", "worse": "bad"}
        return tones.get(self.verdict, "plain")

    @property
    def kind(self) -> CalloutKind:
        """The colour of an answer that rests on it."""
        kinds: dict[str, CalloutKind] = {"better": "good", "worse": "bad"}
        return kinds.get(self.verdict, "warning")

    def difference(self) -> str:
        """Return the difference in words, with its interval."""
        style: Format = "signed_percent" if self.main.kind == "rate" else "signed"
        return f"{in_words(self.metric)} {interval(self.main.difference, style, 2)}"

    def chance(self) -> str:
        """Return the probability of improvement in words."""
        chance = self.main.probability_of_improvement
        return f"{percent(chance.estimate)} probability of improvement"


class Pairs:
    """The comparisons of a run, each made once."""

    def __init__(self, evidence: LoopEvidence) -> None:
        self._evidence = evidence

    @cached_property
    def all(self) -> tuple[Pair, ...]:
        """Every comparison that the report has, in its order."""
        players = {player.role: player for player in self._evidence.players}
        found = (
            self._compare(players[first], players[second])
            for first, second in _ORDER
            if first in players and second in players
        )
        return tuple(pair for pair in found if pair is not None)

    def find(self, before: Role, after: Role) -> Pair | None:
        """Return one of them."""
        roles = (before, after)
        return next((p for p in self.all if (p.before.role, p.after.role) == roles), None)

    def _compare(self, before: Player, after: Player) -> Pair | None:
        """Return the comparison, or None where an episode lacks what is looked at."""
        metric = self._evidence.metric
        first, second = with_derived(before.metrics, metric), with_derived(after.metrics, metric)
        shared = [name for name in first if name in second]
        if metric not in shared:
            return None
        numbers = list(range(before.episodes))
        found = (before.policy_id, after.policy_id) in self._evidence.said_same
        comparison = compare_episodes(
            Episodes(numbers, {name: first[name] for name in shared}),
            Episodes(numbers, {name: second[name] for name in shared}),
            metric=metric,
            same_weights=before.policy_id == after.policy_id,
            # What the run found in the states themselves is taken from the ledger.
            action_agreement=1.0 if found else None,
            names=(_CALLED[before.role], _CALLED[after.role]),
        )
        return Pair(before, after, metric, comparison)
