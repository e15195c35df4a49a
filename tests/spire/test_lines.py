"""Files of lines: read once, compressed or not, from a file or from a pipe."""

import gzip
import os
import subprocess
import sys
import threading

import pytest

from spire.cli import main
from spire.errors import FileError
from spire.game import Game
from spire.lines import Lines
from spire.terminal.recording import Recorder

TEXT = "one\ntwo\r\nthree"


# Without its time: what is compressed names the test, in every worker process alike.
@pytest.mark.parametrize("content", [TEXT.encode(), gzip.compress(TEXT.encode(), mtime=0)])
def test_lines_of_a_file_and_of_a_pipe(tmp_path, content):
    path, pipe = tmp_path / "file", tmp_path / "pipe"
    path.write_bytes(content)
    os.mkfifo(pipe)
    writing = threading.Thread(target=pipe.write_bytes, args=(content,))
    writing.start()
    for source in (path, pipe):
        lines = Lines(source)
        assert (lines.path, lines.first) == (source, "one\n")
        assert list(lines) == [(1, "one\n"), (2, "two\n"), (3, "three")]
    writing.join()


def test_an_empty_file_has_no_lines(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"")
    lines = Lines(path)
    assert (lines.first, list(lines)) == ("", [])


@pytest.mark.parametrize("content", [None, b"\xff\xfe", gzip.compress(b"text", mtime=0)[:-9]])
def test_what_cannot_be_read(tmp_path, content):
    path = tmp_path / "file"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(FileError, match=r"file (cannot be read|is not text): "):
        list(Lines(path))


def test_a_recorded_game_is_replayed_out_of_a_pipe(tmp_path, capsys):
    path, pipe = tmp_path / "game.jsonl", tmp_path / "pipe"
    game = Game.new("TEST1")
    with Recorder(path, game) as recorder:
        for action in (91, 97):
            recorder.take(game, action)
            game.act(action)
    assert main(["replay", str(path)]) == 0
    shown = capsys.readouterr().out
    assert shown.count("next: ") == 2
    os.mkfifo(pipe)
    writing = threading.Thread(target=pipe.write_bytes, args=(path.read_bytes(),))
    writing.start()
    assert main(["replay", str(pipe)]) == 0
    writing.join()
    assert capsys.readouterr().out == shown


def test_the_standard_input_can_be_verified():
    """What it holds is read, and found to be no game: not that it cannot be opened twice."""
    command = [sys.executable, "-c", "from spire.cli import entry; entry()"]
    given = b'{"game": "x", "seed": 1, "ascension": 0, "overrides": {}}\n'
    for content in (given, gzip.compress(given)):
        done = subprocess.run(
            [*command, "verify", "/dev/stdin"], input=content, capture_output=True, check=False
        )
        assert done.returncode == 2
        assert done.stderr.decode().splitlines()[-1] == (
            "spire: /dev/stdin breaks off within a game; a whole game closes with its end"
        )
