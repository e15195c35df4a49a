"""``ratchet tasks``, ``policies`` and ``scopes``: what there is."""

from __future__ import annotations

from ratchet.cli import options
from ratchet.cli.output import emit, table


def tasks(as_json: options.Json = False) -> None:
    """List the tasks that have names, and how others are written."""
    from ratchet.tasks.registry import find_task, task_names

    found = [find_task(name) for name in task_names()]
    if as_json:
        emit(
            {
                task.name: {
                    "modes": {mode.name: dict(mode.parameters) for mode in task.modes},
                    "observation_space": str(task.observation_space),
                    "action_space": str(task.action_space),
                    "maximum_return": task.maximum_return,
                }
                for task in found
            }
        )
        return
    rows = [
        [
            task.name,
            "; ".join(
                f"{mode.name}: " + ", ".join(f"{k} {v}" for k, v in mode.parameters.items())
                for mode in task.modes
            ),
        ]
        for task in found
    ]
    rows.append(["any Gymnasium id", "LunarLander-v3, Pendulum-v1, …; --set gravity=-5"])
    rows.append(["module:callable", "one that makes a gymnasium.Env or a Task"])
    table("tasks", ["task", "modes"], rows, text_columns=2)


def policies(as_json: options.Json = False) -> None:
    """List the ways to name a policy, and what can be trained."""
    from ratchet.recipes.presets import PRESETS
    from ratchet.recipes.resolve import BUILT_IN

    ways = {
        "DIRECTORY": "a checkpoint, or a run (its best, else its latest)",
        "RUN@best, RUN@latest": "what the pawl accepted last; the newest checkpoint",
        "FILE.zip": "a Stable-Baselines3 PPO or A2C file, or sb3-contrib's MaskablePPO",
        "POLICY#clamp:0": "one with its gate set: clamp:SLOT, disable:SLOT, uniform, random",
        **BUILT_IN,
    }
    if as_json:
        presets = {name: preset.about for name, preset in PRESETS.items()}
        emit({"policies": ways, "presets": presets})
        return
    rows = [[name, text] for name, text in ways.items()]
    table("policies", ["policy", "what it is"], rows, text_columns=2)
    built = [[name, preset.about, f"{preset.steps:,}"] for name, preset in PRESETS.items()]
    table(
        "to train with `ratchet train TASK --policy NAME`",
        ["name", "what it is", "steps in the studies"],
        built,
        text_columns=2,
    )


def scopes(as_json: options.Json = False) -> None:
    """List the named scopes and what each stands for."""
    from ratchet.policies.scopes import SCOPES

    if as_json:
        emit({"scopes": dict(SCOPES)})
        return
    rows = [[name, what] for name, what in SCOPES.items()]
    rows.append(["PATTERN,…", "tensors by name, such as mlp_extractor.policy_net.*,action_net.*"])
    table("scopes", ["scope", "what learns"], rows, text_columns=2)
