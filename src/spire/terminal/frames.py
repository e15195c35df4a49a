"""Frames: states of a game one after another, each with what is done there."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from spire.errors import ActionError, SpireError
from spire.game import Game
from spire.lines import Lines


@dataclass(frozen=True)
class Frame:
    """A state of a game, the action taken there, and a remark."""

    game: Game
    action: int | None = None
    """None where nothing more is done."""
    note: str = ""


def played_frames(game: Game, actions: Iterable[int], note: str = "") -> Iterator[Frame]:
    """Yield the states of a game, each with the action taken there; the game itself goes on."""
    for action in actions:
        yield Frame(game.copy(), action, note)
        game.act(action)
    yield Frame(game, None, note)


def traced_frames(lines: Lines, which: int = 1) -> Iterator[Frame]:
    """Yield the states of act 1 of a game of a file of traces, counted from 1.

    Where the state of the trace is not the one the engine comes to, the trace's is shown, and it goes on
    from there.

    Raises
    ------
    TraceError
        If the file is not made of games.
    SpireError
        If it holds fewer games.

    """
    # Only this needs what compares games with traces.
    from spire.replay.initialise import load_state, start  # noqa: PLC0415
    from spire.replay.moves import numbers  # noqa: PLC0415
    from spire.replay.trace import traces_of  # noqa: PLC0415
    from spire.replay.verify import differences  # noqa: PLC0415

    trace, count = None, 0
    for count, trace in enumerate(traces_of(lines), 1):  # noqa: B007
        if count == which:
            break
    if trace is None or count != which:
        raise SpireError(f"{lines.path} holds {count} games; there is no game {which}")
    steps = [step for step in trace.steps if step.state["act"] == 1]
    game, memory = start(trace)
    for step, after in zip(steps, [*steps[1:], None], strict=True):
        note = f"{trace.title}, step {step.n} of {len(trace.steps)}"
        try:
            for action in numbers(game.record, step.action, memory):
                yield Frame(game.copy(), action, note)
                game.act(action)
                memory.observe(game.record)
        except ActionError as error:
            note = f"{note}: {error}"
        if after is None:
            break
        found = [place for place, *_ in differences(after, game.record, game.legal(), memory)]
        if found:
            yield Frame(game.copy(), None, f"{note}: the file has another {', '.join(found)}")
            load_state(game.record, after, memory)
    yield Frame(game, None, f"{trace.title}, the end of what is shown")
