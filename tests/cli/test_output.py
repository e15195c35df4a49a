"""Progress for people: bars on a terminal, a line now and then elsewhere."""

import io

from rich.console import Console
from rich.progress import Progress

from ratchet.cli import output


def test_a_long_stage_says_how_far_it_is(monkeypatch):
    said, now = io.StringIO(), [0.0]
    monkeypatch.setattr(output.time, "monotonic", lambda: now[0])
    watcher = output.Watcher(Progress(console=Console(file=said, width=80)))

    def play(steps, each):
        for _ in range(steps):
            now[0] += 1
            watcher.advance(each)
            watcher.tell()

    watcher.stage("a short stage", 10)
    play(10, 1)
    watcher.stage("the teacher plays", 4000)
    play(40, 0)  # what is compiled first says so by its silence
    play(30, 20)
    with watcher.giving_way():
        play(100, 1)
    lines = [line for line in said.getvalue().splitlines() if " of " in line]
    assert lines == [
        "the teacher plays: 0 of 4,000 after 30 s",
        "the teacher plays: 400 of 4,000 after 60 s",
    ]


def test_without_a_terminal_it_is_told_in_time(monkeypatch):
    said = io.StringIO()
    monkeypatch.setattr(output, "people", Console(file=said, width=80))
    monkeypatch.setattr(output, "_LINE_SECONDS", 0.0)
    with output.watching() as watcher:
        watcher.stage("the teacher plays", 7)
        while "the teacher plays: 0 of 7 after" not in said.getvalue():
            output.time.sleep(0.05)
