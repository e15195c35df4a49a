"""``ratchet inspect``, ``import`` and ``export``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ratchet.cli import options
from ratchet.cli.output import emit, say, table

if TYPE_CHECKING:
    from ratchet.policies.spec import Spec


def inspect(
    policy: Annotated[str, typer.Argument(help="Checkpoint directory, RUN@best, or SB3 .zip.")],
    scope: Annotated[
        list[str] | None, typer.Option(help="Count this scope or pattern too; may be repeated.")
    ] = None,
    rank: options.Rank = 4,
    root: options.Root = options.DEFAULT_ROOT,
    as_json: options.Json = False,
) -> None:
    """Show what a policy is: parameters by scope, fields of its file, lineage, provenance."""
    from ratchet.policies.low_rank import adapter_parameters, is_adapter, scope_layers
    from ratchet.policies.scopes import scope_counts, scope_tensors
    from ratchet.recipes.resolve import load_policy

    found = load_policy(policy, root)
    counts = scope_counts(found.spec)
    for extra in scope or []:
        if is_adapter(extra):
            layers = scope_layers(found.spec, extra)
            counts[f"{extra}, rank {rank}"] = adapter_parameters(
                found.spec.tensor_shapes(), layers, rank
            )
            continue
        names = scope_tensors(found.spec, extra)
        counts[extra] = sum(found.tensors[name].size for name in names)
    record = found.record
    if as_json:
        emit(
            {
                "policy": found.id,
                "algorithm": record.get("algorithm"),
                "parameters": {"total": found.parameter_count, "scopes": counts},
                "fields": record.get("fields", {}),
                "lineage": list(found.lineage),
                "architecture": found.spec.to_json(),
                "normalizer": found.normalizer is not None,
                "record": dict(record),
            }
        )
        return
    spec = found.spec
    say(
        f"{policy}  id {found.id}  {record.get('algorithm') or ('untrained' if record.get('source') == 'new' else 'unknown algorithm')}",
        "bold",
    )
    say(f"{spec.observation} → {_network(spec)} → {spec.action}, {spec.distribution}")
    say(f"normaliser: {record.get('normalizer') or ('yes' if found.normalizer else 'none')}")
    table(
        f"{found.parameter_count:,} parameters",
        ["scope", "parameters", "share"],
        [[s, f"{n:,}", f"{n / found.parameter_count:.1%}"] for s, n in counts.items()],
    )
    fields = record.get("fields", {})
    notes = record.get("notes", {})
    if fields:
        table(
            f"fields of {record.get('source')}",
            ["field", "became", "why"],
            [
                [name, became, _why(name, str(notes.get(name, "")))]
                for name, became in fields.items()
            ],
            text_columns=3,
        )
    if record.get("hyperparameters"):
        say(
            "settings: "
            + ", ".join(f"{key} {value}" for key, value in record["hyperparameters"].items())
        )
    if found.lineage:
        say("lineage: " + " ← ".join(found.lineage))


def _network(spec: Spec) -> str:
    from ratchet.policies.spec import EntitySpec, PolicySpec

    if isinstance(spec, PolicySpec):
        return (
            f"shared {list(spec.shared)}, actor {list(spec.actor)}, critic {list(spec.critic)}, "
            f"{spec.activation}"
        )
    if isinstance(spec, EntitySpec):
        return (
            f"entities ({', '.join(one.name for one in spec.entities.sets)}) of width {spec.width}, "
            f"{spec.blocks} blocks of attention, hidden {list(spec.hidden)}, "
            f"critic {list(spec.critic)}, {spec.activation}"
        )
    bank = f", {spec.slots} slots (temperature {spec.temperature:g})" if spec.slots else ""
    return f"with previous action and reward, GRU of {spec.width}{bank}"


def _why(name: str, note: str) -> str:
    """Return the note on a field, with the value where ours replaces it."""
    from ratchet.learning.config import PPOConfig

    if "our default" not in note or name not in PPOConfig.model_fields:
        return note
    return f"{note}: {PPOConfig.model_fields[name].default}"


def import_(
    kind: Annotated[str, typer.Argument(help="sb3 or minari")],
    file: Annotated[
        str, typer.Argument(help="The .zip file; or a Minari dataset: a directory, or an id.")
    ],
    out: Annotated[Path, typer.Option(help="The directory of a checkpoint, or of demonstrations.")],
    task: Annotated[
        str | None, typer.Argument(help="With minari: the task that was played.")
    ] = None,
    mode: Annotated[
        str | None, typer.Option(help="With minari: the mode in which it was played.")
    ] = None,
    vecnormalize: Annotated[
        Path | None, typer.Option(help="Its vecnormalize.pkl, if that is not beside it.")
    ] = None,
    as_json: options.Json = False,
) -> None:
    """Turn another library's file into a checkpoint or demonstrations, without running anything in it."""
    from ratchet.policies.checkpoint import publish
    from ratchet.policies.sb3.importer import read_sb3

    _check_kind(kind, task)
    if kind == "minari":
        _import_minari(file, str(task), mode, out, as_json=as_json)
        return
    policy = read_sb3(Path(file), vecnormalize=vecnormalize)
    path = publish(policy, out)
    if as_json:
        emit({"policy": policy.id, "path": str(path), "fields": policy.record["fields"]})
        return
    say(f"{path}  id {policy.id}")


def export(
    kind: Annotated[str, typer.Argument(help="sb3 or minari")],
    source: Annotated[
        str,
        typer.Argument(
            help="Checkpoint directory, RUN@best, or SB3 .zip; or a run or directory with demonstrations."
        ),
    ],
    out: Annotated[Path, typer.Option(help="The file to make, or the directory of the dataset.")],
    task: Annotated[
        str | None, typer.Argument(help="With minari: the task that was played.")
    ] = None,
    root: options.Root = options.DEFAULT_ROOT,
    as_json: options.Json = False,
) -> None:
    """Write a policy, or demonstrations, as a file that another library opens."""
    from ratchet.policies.sb3.exporter import write_sb3
    from ratchet.recipes.resolve import load_policy

    _check_kind(kind, task)
    written = (
        [_export_minari(source, str(task), out, root)]
        if kind == "minari"
        else write_sb3(load_policy(source, root), out)
    )
    if as_json:
        emit({"files": [str(path) for path in written]})
        return
    for path in written:
        say(str(path))


def _import_minari(text: str, name: str, mode: str | None, out: Path, *, as_json: bool) -> None:
    """Make a directory of demonstrations from a Minari dataset."""
    from ratchet.rollout.minari_import import minari_source
    from ratchet.rollout.sources import copy_demonstrations
    from ratchet.tasks.registry import find_task

    task = find_task(name)
    source = minari_source(text, task, mode)
    found = source.demonstrations(task)  # so that what cannot be used leaves nothing
    copy_demonstrations(out, source)
    if as_json:
        emit(
            {
                "path": str(out),
                "teacher": found.teacher,
                "episodes": found.episodes,
                "decisions": len(found),
                "evaluation_seeds": source.evaluation_seeds,
            }
        )
        return
    say(f"{out}  {found.episodes:,} games of {found.teacher}, {len(found):,} decisions")
    if source.evaluation_seeds:
        say(f"{source.evaluation_seeds:,} of them have evaluation seeds; evaluate on others")


def _export_minari(text: str, name: str, out: Path, root: Path) -> Path:
    """Write demonstrations as a Minari dataset; return where it is."""
    from ratchet.recipes.demonstrations import own_demonstrations
    from ratchet.rollout.minari_export import write_minari
    from ratchet.tasks.registry import find_task

    task = find_task(name)
    write_minari(out, task, own_demonstrations(text, task, root))
    return out


def _check_kind(kind: str, task: str | None) -> None:
    from ratchet.errors import InputError

    if kind not in ("sb3", "minari"):
        raise InputError(f"file kind {kind!r} is unknown; known: minari, sb3")
    if kind == "sb3" and task is not None:
        raise InputError(f"{task!r} is one argument too many; only minari takes a task")
    if kind == "minari" and task is None:
        raise InputError("a Minari dataset is of a task: name it after the first two arguments")
