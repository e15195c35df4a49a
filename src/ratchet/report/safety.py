"""What kept fine-tuning from doing harm, and how often it had to.

Invariant: the counts are the trainer's own, as the ledger holds them; a measure that could not act is
said not to have acted.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ratchet.errors import PolicyError
from ratchet.policies.low_rank import is_adapter
from ratchet.policies.scopes import scope_tensors
from ratchet.policies.spec import read_spec
from ratchet.report.document import Block, Callout, Cell, Column, Heading, Table, Text
from ratchet.report.tables import Value, number, percent
from ratchet.report.wording import doing, group_name, plural

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ratchet.ledger import Training
    from ratchet.report.arms import Evidence

_COLUMNS = (
    Column("arms", "Trained on · scope · budget"),
    Column("anchor", "Anchor"),
    Column("updates", "Updates", "count"),
    Column("critic_only", "Critic alone", "count"),
    Column("rollbacks", "Rolled back", "count"),
)


def safety(evidence: Evidence) -> list[Block]:
    """Return the section on pre-flight, warm-up, anchor and rollback."""
    arms = [arm.training for group in evidence.groups for arm in group.arms]
    if not arms:
        return []
    checked = sorted({str(t.safety["preflight"]) for t in arms if t.safety.get("preflight")})
    blocks: list[Block] = [Heading("Safety")]
    if checked:
        blocks.append(Text(f"**Pre-flight** of the policy before: {'; '.join(checked)}."))
    blocks += [_guard(arm) for arm in arms if arm.safety.get("guard")]
    blocks.append(Text(_measures(evidence, arms)))
    rows: list[tuple[Cell | Value, ...]] = []
    for group in evidence.groups:
        trainings = [arm.training for arm in group.arms]
        undone = _total(trainings, "rollbacks")
        rows.append(
            (
                group_name(group.key),
                str(trainings[0].safety.get("anchor", "none")),
                sum(t.updates for t in trainings),
                _total(trainings, "critic_only_updates"),
                Cell(undone, "bad" if undone else "plain"),
            )
        )
    blocks.append(Table("safety", _COLUMNS, tuple(rows), "Updates of all runs of each group"))
    return blocks


def _guard(arm: Training) -> Callout:
    """Return what the guard decided on the evidence inside the budget."""
    guard = arm.safety["guard"]
    return Callout(
        "good" if guard["adopted"] else "warning",
        f"**Guard.** Of {plural(arm.episodes, 'episode')} played, "
        f"{guard['adaptation_episodes']} adapted the policy and {guard['evidence_episodes']} "
        f"{'is' if guard['evidence_episodes'] == 1 else 'are'} evidence at {percent(guard['confidence'])} confidence. Verdict: {guard['reason']}.",
    )


def _measures(evidence: Evidence, arms: Sequence[Training]) -> str:
    settings = arms[0].safety
    threshold, part = settings.get("warmup_explained_variance"), settings.get("warmup_fraction")
    limit = settings.get("rollback_kl")
    parts = []
    if doing(evidence) == "fine-tuning" and threshold is not None and part:
        parts.append(
            f"**Critic warm-up** until the critic explains {percent(float(threshold))} of the returns' "
            f"variance or {percent(float(part))} of the budget is used{_unused(evidence, arms)}"
        )
    if limit is not None:
        parts.append(
            f"**rollback** of an update that moves the policy by a KL above {number(float(limit), 2)}, "
            "with half the learning rate from then on"
        )
    return "; ".join(parts) + "." if parts else "No measure was on."


def _unused(evidence: Evidence, arms: Sequence[Training]) -> str:
    """Say in brackets why the warm-up did not act, as far as that can be known; nothing if it did."""
    learns = [_learns_critic(evidence, arm) for arm in arms]
    if not any(learns):
        if all(_method(arm) != "ppo" for arm in arms):
            return " (it could not act: without PPO there is no critic to train)"
        one = "the scope" if len({arm.scope for arm in arms}) == 1 else "any scope"
        return f" (it could not act: nothing of the critic is in {one})"
    known = [t for t, has in zip(arms, learns, strict=True) if has]
    recorded = [t for t in known if "critic_only_updates" in t.safety]
    if not recorded or _total(recorded, "critic_only_updates"):
        return ""
    return " (it did not act: the critic explained that much, or the first rollout was larger)"


def _learns_critic(evidence: Evidence, arm: Training) -> bool:
    """Return whether a training's warm-up has a critic to train; where that is not known, it has."""
    if _method(arm) != "ppo":
        return False
    if is_adapter(arm.scope):
        return False  # adapters have no critic that could learn alone
    if evidence.base is None or not evidence.base.spec:
        return True
    spec = read_spec(evidence.base.spec)
    try:
        return bool(set(scope_tensors(spec, arm.scope)) & set(scope_tensors(spec, "value")))
    except PolicyError:
        return True


def _method(arm: Training) -> str:
    return str(arm.config.get("method", "ppo"))


def _total(arms: Sequence[Training], name: str) -> int:
    return sum(int(t.safety.get(name, 0)) for t in arms)
