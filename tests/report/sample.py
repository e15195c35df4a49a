"""A document with every kind of block, and text that tries to be markup."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ratchet.report import (
    Bullets,
    Callout,
    Cell,
    Column,
    Curve,
    Document,
    Figure,
    Heading,
    KeyValues,
    Table,
    Text,
    before_after,
    forest,
    heat_map,
    learning_curves,
)


@dataclass(frozen=True)
class Estimate:
    estimate: float
    low: float
    high: float


MODES = ("0", "1", "2")
BEFORE = (Estimate(426.1, 418, 434), Estimate(422, 413.2, 430), Estimate(410.1, 401, 419))
AFTER = (Estimate(488.3, 485, 491), Estimate(500, 500, 500), Estimate(497.9, 495, 499.2))
GAIN = tuple(
    Estimate(after.estimate - before.estimate, after.low - before.high, after.high - before.low)
    for before, after in zip(BEFORE, AFTER, strict=True)
)


def figures() -> tuple[Figure, ...]:
    steps = np.arange(0, 32_769, 2_048)
    rng = np.random.default_rng(0)
    curves = [
        Curve(label, steps, level := 500 - gap * np.exp(-steps / 9_000), level - 12, level + 12)
        for label, gap in (("full, mode 2", 90), ("policy_head, mode 2", 130), ("control", 100))
    ]
    matrix = [[Estimate(v, v - 6, v + 6) for v in row] for row in rng.normal(0, 30, (3, 3))]
    matrix[1][2] = Estimate(float("nan"), float("nan"), float("nan"))
    return (
        Figure(
            "before-after", before_after(MODES, BEFORE, AFTER, 500), "Before and after.", "Dots"
        ),
        Figure("curves", learning_curves(curves, maximum=500), "Learning.", "Lines"),
        Figure("forgetting", heat_map(matrix, MODES, MODES), "Forgetting.", "A 3 by 3 matrix"),
        Figure(
            "forest",
            forest(
                ["full", "policy_head", "control"],
                [GAIN[0], Estimate(-2, -9, 4), Estimate(-30, -41, -20)],
            ),
            "Differences.",
            "Dots around zero",
        ),
    )


def document(pictures: tuple[Figure, ...]) -> Document:
    results = Table(
        "results",
        (
            Column("mode", "Mode"),
            Column("before", "Before", "number"),
            Column("after", "After", "number"),
            Column("difference", "Improvement", "signed"),
            Column("improved", "P(improvement)", "percent", 0),
            Column("steps", "Steps executed", "count"),
            Column("wall", "Wall time", "seconds"),
            Column("verdict", "Verdict"),
        ),
        (
            *(
                (mode, before, after, Cell(gain, "good", strong=True), 0.97, 1000, 0.84, "accepted")
                for mode, before, after, gain in zip(MODES, BEFORE, AFTER, GAIN, strict=True)
            ),
            (
                "mixed | all",
                float("nan"),
                None,
                Cell(-3.0, "bad"),
                0.4,
                32768,
                125.0,
                "rejected: not superior on the target",
            ),
        ),
        "Return on 500 fixed seeds, mean with 95% interval",
    )
    claims = Table(
        "claims",
        (
            Column("claim", "Claim"),
            Column("stated", "Stated"),
            Column("measured", "Measured", "count"),
            Column("agrees", "Agrees"),
        ),
        (
            ("All parameters of the policy: `67k+`", "67,000+", 9155, False),
            ("Policy head", "~4k", 130, False),
            ("Improvement on mode 0", "+62.3", Cell(GAIN[0], format="signed"), True),
        ),
        "What the write-up states, and what was measured",
    )
    return Document(
        "Fine-tuning `ppo_model.zip` on cartpole-modes",
        "What a budget of 1,000 environment steps really buys",
        (
            Callout("good", "Accepted on mode **0**: +62.3, and no other mode lost."),
            Heading("Before and after"),
            Text(
                "One policy, three modes, **500 episodes** each on the same seeds.\n\nThe budget is exact: `learn(1000)` would have executed 32,768 steps."
            ),
            results,
            pictures[0],
            Heading("Forgetting"),
            Text("Rows are what the policy was fine-tuned on."),
            pictures[2],
            Heading("Differences", 3),
            pictures[3],
            Heading("Learning curves"),
            pictures[1],
            Heading("Claims"),
            claims,
            Callout(
                "warning",
                "The control arm improved as much: this was more training, not adaptation.",
            ),
            Callout("bad", "Mode 2 was rejected."),
            Callout(
                "note", "Where two policies are the same function the report says *same policy*."
            ),
            Bullets(("<script>alert(1)</script> & friends", "slot_dropout_0.3 and _this_ | that")),
            Heading("Provenance"),
            KeyValues(
                (
                    ("version", "0.1.0"),
                    ("seeds", 500),
                    ("wall seconds", 12.25),
                    ("commit", "`" + "0123456789abcdef" * 2 + "01234567`"),
                ),
                "provenance",
            ),
        ),
    )
