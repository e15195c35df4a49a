"""The public surface: what `import ratchet` offers, how soon the command is there, what the README says."""

import ast
import importlib
import inspect
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import typer

import ratchet
from ratchet import errors
from ratchet.cli.main import app

HOUSE = Path(__file__).resolve().parents[1]
HEAVY = ("torch", "numba", "scipy", "matplotlib", "gymnasium", "numpy", "pydantic", "safetensors")


def test_the_surface_is_sorted_whole_and_there():
    assert ratchet.__all__ == sorted(ratchet.__all__)
    assert len(set(ratchet.__all__)) == len(ratchet.__all__)
    for name in ratchet.__all__:
        assert getattr(ratchet, name) is not None
    imported = {
        alias.asname or alias.name
        for node in ast.parse(Path(ratchet.__file__).read_text()).body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    assert imported | {"__version__"} == set(ratchet.__all__)


def test_every_error_is_public():
    own = {
        name
        for name, value in vars(errors).items()
        if inspect.isclass(value) and issubclass(value, errors.RatchetError)
    }
    assert own == {name for name in ratchet.__all__ if name.endswith("Error")}
    for name in own - {"RatchetError"}:
        assert issubclass(getattr(ratchet, name), ratchet.InputError)


def test_every_list_of_public_names_is_sorted_and_there():
    package = Path(ratchet.__file__).parent
    for path in sorted(package.rglob("__init__.py")):
        name = ".".join(("ratchet", *path.parent.relative_to(package).parts))
        module = importlib.import_module(name)
        listed = getattr(module, "__all__", [])
        assert listed == sorted(listed), name
        assert not [each for each in listed if not hasattr(module, each)], name


def test_the_version_is_the_distributions():
    project = (HOUSE / "pyproject.toml").read_text()
    assert f'version = "{ratchet.__version__}"' in project


@pytest.mark.parametrize("module", ["ratchet", "ratchet.cli.main"])
def test_it_starts_without_what_is_heavy(module):
    code = f"import sys, {module}; print(*sorted(set(sys.modules) & set({HEAVY!r})))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []


def fenced(text):
    """The commands in the fenced blocks of a page: lines that begin with `ratchet`."""
    for block in re.findall(r"```[a-z]*\n(.*?)```", text, flags=re.DOTALL):
        for line in block.replace("\\\n", " ").splitlines():
            words = shlex.split(line.strip().removeprefix("$ "), comments=True)
            if words[:1] == ["ratchet"]:
                yield words[1:]


@pytest.mark.skipif(not (HOUSE / "README.md").exists(), reason="there is no README yet")
def test_the_readmes_commands_are_understood():
    commands = list(fenced((HOUSE / "README.md").read_text(encoding="utf-8")))
    assert commands
    group = typer.main.get_command(app)
    for name, *words in commands:
        context = group.make_context("ratchet", [name], resilient_parsing=True)
        command = group.get_command(context, name)
        assert command is not None, f"ratchet {name} is no command"
        if "[" not in "".join(words):  # not a line that shows what is optional
            command.make_context(name, list(words))
