"""Neow: options by published draws, and what is withheld for which drawback."""

import pytest

from dungeons import Streams, one
from spire import neow
from spire.ids import NeowBonus, NeowDrawback
from spire.rng import Stream


def options_of(seed):
    streams, options = Streams(seed), one(neow.OPTIONS)
    neow.draw_options(options, *streams.at(Stream.NEOW))
    assert streams.counts[Stream.NEOW] == 5
    return [
        (NeowBonus(bonus).name, NeowDrawback(drawback).name)
        for bonus, drawback in zip(options.bonus, options.drawback, strict=True)
    ]


@pytest.mark.parametrize(
    ("seed", "expected"),
    [
        (
            1,
            [
                ("RANDOM_COLORLESS", "NONE"),
                ("THREE_SMALL_POTIONS", "NONE"),
                ("RANDOM_COLORLESS_2", "TEN_PERCENT_HP_LOSS"),
                ("BOSS_RELIC", "LOSE_STARTER_RELIC"),
            ],
        ),
        (
            1234567890123,
            [
                ("REMOVE_CARD", "NONE"),
                ("TEN_PERCENT_HP_BONUS", "NONE"),
                ("TWENTY_PERCENT_HP_BONUS", "PERCENT_DAMAGE"),
                ("BOSS_RELIC", "LOSE_STARTER_RELIC"),
            ],
        ),
    ],
)
def test_options_by_published_draws(seed, expected):
    assert options_of(seed) == expected


def test_a_drawback_withholds_its_own_bonus():
    met = {options_of(seed)[2] for seed in range(600)}
    everything = {
        (bonus.name, drawback.name)
        for drawback, withheld in neow.DRAWBACKS.items()
        for bonus in neow.THIRD
        if bonus != withheld
    }
    assert met == everything
    assert len(everything) == 6 + 6 + 6 + 7
