"""Progress for people: bars on a terminal, a line now and then elsewhere."""

import io

import pytest
from rich.console import Console
from rich.progress import Progress

from ratchet.cli import output


@pytest.mark.parametrize("terminal", [False, True])
def test_a_long_stage_says_how_far_it_is_where_there_is_no_terminal(monkeypatch, terminal):
    said, now = io.StringIO(), [0.0]
    monkeypatch.setattr(output.time, "monotonic", lambda: now[0])
    watcher = output.Watcher(
        Progress(console=Console(file=said, width=80, force_terminal=terminal))
    )
    watcher.stage("a short stage", 10)
    for _ in range(10):
        now[0] += 1
        watcher.advance(1)
    watcher.stage("the teacher plays", 4000)
    for _ in range(70):
        now[0] += 1
        watcher.advance(20)
    told = [
        "the teacher plays: 600 of 4,000 after 30 s",
        "the teacher plays: 1,200 of 4,000 after 60 s",
    ]
    with watcher.giving_way():
        now[0] += 100
        watcher.advance(1)
    lines = [line for line in said.getvalue().splitlines() if " of " in line]
    assert lines == ([] if terminal else told)
