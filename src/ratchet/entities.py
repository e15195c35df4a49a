"""What a flat observation is made of: sets of entities, and which of them each action is about.

A task declares it, and a policy keeps it; neither knows of the other. Invariants: sets do not overlap, and
every action is scored by something.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ratchet.errors import TaskError

_NAME = re.compile(r"[a-z][a-z_]*")


@dataclass(frozen=True, kw_only=True)
class EntitySet:
    """`count` places for entities of one kind, `width` numbers each, one after the other from `offset` on.

    An entity is there where any of its numbers is not zero.
    """

    name: str
    offset: int
    count: int
    width: int
    ordered: bool = False
    """Whether it matters in which place of the set an entity stands."""


@dataclass(frozen=True, kw_only=True)
class Single:
    """Actions that are each about one entity of some sets, taken one after the other.

    Without `listed`, ``actions[k]`` is about place k. With it, about the k-th entity that is listed: it names
    for each set which number of an entity is not zero where it is. It holds where any of the columns `when` of
    the observation is not zero, or always.
    """

    name: str
    sets: tuple[str, ...]
    actions: tuple[int, ...]
    listed: tuple[int, ...] = ()
    when: tuple[int, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Pair:
    """Actions that are each about an entity of `left` and one of `right`.

    ``actions[i * right.count + j]`` is about place i of the left set and place j of the right one.
    """

    name: str
    left: str
    right: str
    actions: tuple[int, ...]


@dataclass(frozen=True, kw_only=True)
class Entities:
    """The sets of an observation, and what scores each action; an action may be scored by several.

    `alone` are the actions that the rest of the observation scores: whatever is in no set.

    Raises
    ------
    TaskError
        If a name is not a word of its own, sets overlap, or a score has not as many actions as entities.

    """

    sets: tuple[EntitySet, ...]
    alone: tuple[int, ...] = ()
    single: tuple[Single, ...] = ()
    pairs: tuple[Pair, ...] = ()

    def __post_init__(self) -> None:
        """Refuse what does not hold together."""
        sets = {one.name: one for one in self.sets}
        if len(sets) < len(self.sets) or not sets:
            raise TaskError("there must be a set of entities, and no two of one name")
        scores = ["alone", *(one.name for one in self.single), *(one.name for one in self.pairs)]
        if len(set(scores)) < len(scores):
            raise TaskError(f"scores must have names of their own, 'alone' among them: {scores}")
        for name in (*sets, *scores):
            if not _NAME.fullmatch(name):
                raise TaskError(f"{name!r} is not a name of small letters and '_'")
        end = 0
        for each in sorted(self.sets, key=lambda one: one.offset):
            if each.offset < end or each.count < 1 or each.width < 1:
                raise TaskError(f"set {each.name!r} is empty or overlaps with another")
            end = each.offset + each.count * each.width
        for one in self.single:
            places = sum(_find(sets, name, one.name).count for name in one.sets)
            if not one.sets or (
                len(one.actions) > places if one.listed else len(one.actions) != places
            ):
                raise TaskError(
                    f"score {one.name!r} has {len(one.actions)} actions for {places} places"
                )
            if one.listed and len(one.listed) != len(one.sets):
                raise TaskError(f"score {one.name!r} must say of each of its sets what is listed")
            for name, at in zip(one.sets, one.listed, strict=False):
                if not 0 <= at < sets[name].width:
                    raise TaskError(f"score {one.name!r}: set {name!r} has no number {at}")
        for pair in self.pairs:
            left, right = (_find(sets, name, pair.name) for name in (pair.left, pair.right))
            if len(pair.actions) != left.count * right.count:
                raise TaskError(
                    f"score {pair.name!r} has {len(pair.actions)} actions for "
                    f"{left.count} times {right.count} places"
                )

    def check(self, size: int, actions: int) -> None:
        """Refuse a structure that is not one of observations of that size and of so many actions.

        Raises
        ------
        TaskError
            If a set or a column lies outside, there is nothing beside the sets, or the actions scored are not
            exactly those that there are.

        """
        end = max(one.offset + one.count * one.width for one in self.sets)
        columns = [column for one in self.single for column in one.when]
        if end > size or not all(0 <= column < size for column in columns):
            raise TaskError(f"the sets need {max(end, *columns, 0)} numbers, and there are {size}")
        if not self.rest_of(size).size:
            raise TaskError("every number is in a set; there must be one that is in none")
        scored = set(self.alone)
        for actions_of in (
            *(one.actions for one in self.single),
            *(one.actions for one in self.pairs),
        ):
            scored.update(actions_of)
        if scored != set(range(actions)):
            wrong = sorted(scored ^ set(range(actions)))
            raise TaskError(f"actions {wrong} are scored by nothing, or are none")

    def rest_of(self, size: int) -> NDArray[np.int64]:
        """Return the columns of an observation of `size` numbers that are in no set."""
        free = np.ones(size, dtype=np.bool_)
        for one in self.sets:
            free[one.offset : one.offset + one.count * one.width] = False
        return np.flatnonzero(free)

    def of(self, name: str) -> EntitySet:
        """Return the set of that name."""
        return next(one for one in self.sets if one.name == name)

    def to_json(self) -> dict[str, Any]:
        """Return it as plain JSON data."""
        return asdict(self)

    @classmethod
    def read(cls, data: Mapping[str, Any]) -> Entities:
        """Return what `to_json` wrote.

        Raises
        ------
        KeyError, TypeError, ValueError, TaskError
            If it is something else.

        """
        return cls(
            sets=tuple(EntitySet(**one) for one in data["sets"]),
            alone=tuple(data["alone"]),
            single=tuple(
                Single(
                    name=one["name"],
                    **{key: tuple(one[key]) for key in ("sets", "actions", "listed", "when")},
                )
                for one in data["single"]
            ),
            pairs=tuple(Pair(**{**one, "actions": tuple(one["actions"])}) for one in data["pairs"]),
        )


def _find(sets: Mapping[str, EntitySet], name: str, score: str) -> EntitySet:
    if name not in sets:
        raise TaskError(f"score {score!r} is about set {name!r}, and there is none")
    return sets[name]
