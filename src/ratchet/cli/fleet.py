"""``ratchet fleet``, ``ratchet worker`` and ``ratchet replay``."""

from __future__ import annotations

import contextlib
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ratchet.cli import options
from ratchet.cli.output import emit, out, people, say, watching
from ratchet.errors import InputError, PolicyError, RatchetError, RecipeError, SpoolError

if TYPE_CHECKING:
    from ratchet.policies.policy import Policy
    from ratchet.recipes.fleet_job import FleetJob, FleetOutcome
    from ratchet.rollout.demonstrations import Demonstrations
    from ratchet.tasks.task import Task

_OF_PLAN = ("environments", "batch", "max_lag", "step_seconds", "start_seconds")

RestartBudget = Annotated[
    int,
    typer.Option(
        min=0,
        help="How often in ten minutes a worker is started again, for each cause of its crash.",
    ),
]


def fleet(
    task: Annotated[
        str, typer.Argument(help="Built-in name, Gymnasium id, or module:callable; or `status`.")
    ],
    run: Annotated[str | None, typer.Argument(help="With `status`: the run.")] = None,
    policy: Annotated[
        str | None, typer.Option(help="Where learning starts: a policy, such as runs/clone@best.")
    ] = None,
    workers: Annotated[int, typer.Option(help="How many processes play.")] = 3,
    episodes: Annotated[
        int | None, typer.Option(min=1, help="Budget in episodes; whole batches are learned from.")
    ] = None,
    minutes: Annotated[float | None, typer.Option(min=0, help="Budget in minutes.")] = None,
    mode: options.PlayedMode = None,
    lag: Annotated[
        str, typer.Option(help="What becomes of lagged episodes: reject or decouple.")
    ] = "reject",
    demonstrations: Annotated[
        str | None,
        typer.Option(
            help="Demonstrations as anchor: a directory, a run, or a Minari dataset; "
            "the policy's own if not given."
        ),
    ] = None,
    validation_file: Annotated[
        Path | None,
        typer.Option(help="Seeds that the pawl decides on; 100 of its own if not given."),
    ] = None,
    promote_every: Annotated[
        int, typer.Option(min=0, help="Let the pawl look after so many episodes; 0: never.")
    ] = 250,
    metric: Annotated[str, typer.Option(help="What the pawl looks at.")] = "return",
    restarts: RestartBudget = 10,
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", help="key=value: a setting of the trainer, of the plan, or pawl.…"),
    ] = None,
    seed: options.Seed = 0,
    name: options.Name = None,
    resume: options.Resume = False,
    root: options.Root = options.DEFAULT_ROOT,
    as_json: options.Json = False,
) -> None:
    """Fine-tune a policy from worker processes that play, and one trainer that learns; or show how one stands."""
    if task == "status":
        _status(run, root, as_json=as_json)
        return
    if run is not None:
        raise RecipeError(
            f"{run!r} is one argument too many; only `ratchet fleet status` takes a run"
        )
    if policy is None:
        raise PolicyError("a fleet goes on from a policy: give --policy, such as runs/clone@best")
    from ratchet.recipes.fleet_job import FleetBudget, FleetJob, check_job
    from ratchet.recipes.resolve import check_usable, load_policy
    from ratchet.recipes.schema import parse_setting
    from ratchet.recipes.seed_lists import read_seed_list
    from ratchet.recipes.session import run_name
    from ratchet.recipes.settings import fleet_config, pawl_settings
    from ratchet.recipes.steps import SeedSet
    from ratchet.rollout.fit import check_fit, has_masks
    from ratchet.rollout.fleet.restarts import Restarts
    from ratchet.rollout.plan import FleetPlan
    from ratchet.seeding import selection_seeds
    from ratchet.tasks.registry import find_task

    played = find_task(task)
    start = load_policy(policy, root)
    check_usable(start)
    check_fit(start.spec, played)
    given = dict(parse_setting(text) for text in settings or [])
    of_plan = {key: given.pop(key) for key in list(given) if key in _OF_PLAN}
    of_pawl = {
        key.removeprefix("pawl."): given.pop(key) for key in list(given) if key.startswith("pawl.")
    }
    chosen = run_name(root, name, "fleet", resume=resume)
    modes = tuple(options.chosen_modes(played, mode))
    job = FleetJob(
        plan=FleetPlan(
            run=chosen, task=task, modes=modes, seed=seed, masked=has_masks(played), **of_plan
        ),
        task=played,
        policy=start,
        config=fleet_config({"lagged": lag, **given}),
        demonstrations=_demonstrations(demonstrations, policy, start, played, mode, root),
        workers=workers,
        budget=FleetBudget(episodes=episodes, seconds=None if minutes is None else 60 * minutes),
        validation=(
            SeedSet.of("validation", selection_seeds(100))
            if validation_file is None
            else read_seed_list(validation_file, played)
        ),
        promote_every=promote_every,
        pawl=pawl_settings(of_pawl),
        metric=metric,
        restarts=Restarts(budget=restarts),
    )
    check_job(job)
    _work(job, root, resume=resume, as_json=as_json)


def worker(
    join: Annotated[str, typer.Option(help="The fleet's run.")],
    count: Annotated[int, typer.Option(min=1, help="How many workers join.")] = 1,
    restarts: RestartBudget = 10,
    root: options.Root = options.DEFAULT_ROOT,
    as_json: options.Json = False,
) -> None:
    """Join a fleet from another terminal, until that ends; Ctrl-C leaves it again."""
    from ratchet.rollout.fleet.home import is_taken
    from ratchet.rollout.fleet.restarts import Restarts
    from ratchet.rollout.fleet.supervisor import Supervisor
    from ratchet.rollout.plan import read_plan
    from ratchet.rollout.publication import Publication

    directory = _run_directory(join, root)
    read_plan(directory)
    if Publication(directory / "versions").finished:
        raise RecipeError(f"the fleet {directory} has ended; a larger budget goes on with it")
    with Supervisor(
        directory, count, prefix="joined", restarts=Restarts(budget=restarts)
    ) as supervisor:
        people.print(f"{', '.join(supervisor.names)} joined {directory}", markup=False)
        if not is_taken(directory):
            people.print("nobody trains this fleet now; what joins it waits until somebody does")
        try:
            while not supervisor.wait(1.0):
                pass
        except KeyboardInterrupt:
            people.print("leaving; the fleet goes on without")
        own = [one for one in supervisor.status() if one.name in supervisor.names]
    if as_json:
        emit({"workers": [asdict(one) for one in own]})
    for one in own:
        if one.reason:
            people.print(f"{one.name}: {one.state}: {one.reason}", markup=False, soft_wrap=True)


def replay(
    record: Annotated[Path, typer.Argument(help="A crash record, RUN/crashes/….json.")],
    as_json: options.Json = False,
) -> None:
    """Play a worker's crash again: every episode that it had in progress, each in a process of its own."""
    from ratchet.rollout.fleet.crash import read_crash
    from ratchet.rollout.fleet.replay import replay as play_again

    crash = read_crash(record)
    found = play_again(record)
    if as_json:
        emit(
            {
                "task": crash.task,
                "cause": str(crash.cause),
                "episodes": [asdict(one) for one in found],
            }
        )
        return
    say(f"{crash.task}: {crash.cause}; {len(found)} episodes were in progress")
    for one in found:
        say(str(one))


def _work(job: FleetJob, root: Path, *, resume: bool, as_json: bool) -> None:
    from ratchet.cli.page import fleet_page
    from ratchet.recipes.fleet import Fleet
    from ratchet.recipes.reporting import report_run
    from ratchet.recipes.session import open_session

    chosen = job.plan.run
    try:
        with (
            watching() as watcher,
            open_session(
                root,
                chosen,
                kind="fleet",
                seed=job.plan.seed,
                task=job.task.name,
                recipe=_record(job),
                resume=resume,
                progress=watcher,
            ) as session,
        ):
            working = Fleet(session, job)
            with watcher.giving_way(), fleet_page(working.view):
                outcome = working.run()
    except BaseException as error:
        # For many an interrupt is how it ends; of a refusal, and of a run that is not there yet, there is no report.
        if not isinstance(error, InputError):
            with contextlib.suppress(RatchetError):
                report_run(root, chosen)
        raise
    report_run(root, chosen)
    report = str(root / chosen / "report.html")
    if as_json:
        emit({"report": report, **outcome.to_json()})
        return
    _show(outcome, f"{root / chosen}@best")
    say(f"report  {report}")


def _record(job: FleetJob) -> dict[str, Any]:
    """Return what the ledger says that was run; the budget may grow, and workers come and go."""
    return {
        "task": job.task.name,
        "modes": job.modes,
        "base": job.policy.id,
        "demonstrations": None if job.demonstrations is None else job.demonstrations.id,
        "plan": asdict(job.plan),
        "fleet": job.config.model_dump(),
        "pawl": asdict(job.pawl),
        "promote_every": job.promote_every,
        "metric": job.metric,
        "validation": job.validation.name,
    }


def _show(outcome: FleetOutcome, pointer: str) -> None:
    from ratchet.cli.page import spool_line

    spent = outcome.spent
    say(
        f"{outcome.reason}: {spent.updates:,} updates, {spent.episodes:,} episodes, "
        f"{spent.transitions:,} transitions",
        "bold",
    )
    say(f"spool   {spool_line(outcome.counts)}")
    word = "once" if outcome.promotions == 1 else f"{outcome.promotions} times"
    say(f"best    moved {word}: {pointer}" if outcome.promotions else "best    is still the start")
    say(f"policy  {outcome.checkpoint}")


def _status(run: str | None, root: Path, *, as_json: bool) -> None:
    from ratchet.cli.page import spool_line, workers_table
    from ratchet.rollout.fleet.status import read_workers
    from ratchet.rollout.plan import read_plan
    from ratchet.rollout.publication import Publication
    from ratchet.rollout.spool import read_counts
    from ratchet.rollout.spool.layout import check_spool

    if run is None:
        raise RecipeError("`ratchet fleet status` needs a run, such as runs/fleet")
    directory = _run_directory(run, root)
    plan = read_plan(directory)
    of = check_spool(directory / "spool").run
    if of != plan.run:
        raise SpoolError(
            f"the spool {directory / 'spool'} is of another run: its run is {of!r}, not {plan.run!r}"
        )
    counts, found = read_counts(directory / "spool"), read_workers(directory)
    newest = Publication(directory / "versions").newest()
    trainer = _trainer(directory, plan.run)
    if as_json:
        emit(
            {
                "run": plan.run,
                "task": plan.task,
                "version": newest,
                "trainer": trainer,
                "spool": asdict(counts),
                "workers": [asdict(one) for one in found],
            }
        )
        return
    say(f"{plan.run}: {plan.task}, version {'none yet' if newest is None else newest}")
    out.print(workers_table(found))
    say(f"trainer {_trainer_line(trainer)}")
    say(f"spool   {spool_line(counts)}")


_OF_UPDATE = ("approx_kl", "clip_fraction", "entropy", "learning_rate", "return_mean")
_OF_FLEET_UPDATE = ("entropy_coefficient", "anchor_coefficient", "finding")


def _trainer(directory: Path, run: str) -> dict[str, Any]:
    """Return how the trainer of a fleet's run stands, and what its last update was, as far as the ledger knows."""
    from ratchet.ledger import queries
    from ratchet.ledger.ledger import Ledger
    from ratchet.recipes.session import LEDGER
    from ratchet.rollout.fleet.home import is_taken

    said: dict[str, Any] = {"state": "at work" if is_taken(directory) else "not begun"}
    if not (directory.parent / LEDGER).exists():
        return said
    with Ledger.open(directory.parent / LEDGER, create=False) as ledger:
        of_fleet = [one for one in queries.trainings(ledger, run) if one.kind == "fleet"]
        if not of_fleet:
            return said
        training = of_fleet[-1]
        updates = queries.updates(ledger, training.id)
        fleet_updates = queries.fleet_updates(ledger, training.id)
    if said["state"] != "at work":
        died = training.status == "running"
        said |= {"state": "dead" if died else training.status, "reason": training.stop_reason}
    said |= {
        "updates": training.updates,
        "episodes": training.episodes,
        "transitions": training.environment_steps,
    }
    if fleet_updates:
        said |= {name: float(updates[name][-1]) for name in _OF_UPDATE}
        said |= {name: fleet_updates[-1][name] for name in _OF_FLEET_UPDATE}
    return said


def _trainer_line(said: dict[str, Any]) -> str:
    state, reason = said["state"], said.get("reason")
    if reason and reason != state:
        state += f" ({reason})"
    if "updates" not in said:
        return str(state)
    text = (
        f"{state}: {said['updates']:,} updates, {said['episodes']:,} episodes, "
        f"{said['transitions']:,} transitions"
    )
    if "finding" in said:
        text += (
            f"; KL {said['approx_kl']:.4f}, entropy {said['entropy']:.3f}, "
            f"learning rate {said['learning_rate']:.2g}, return {said['return_mean']:.2f}"
        )
        if said["finding"]:
            text += f", {said['finding']}"
    return text


def _run_directory(text: str, root: Path) -> Path:
    for directory in (Path(text), root / text):
        if directory.is_dir():
            return directory
    raise RecipeError(f"there is no run {text!r}, neither here nor in {root}")


def _demonstrations(
    given: str | None, text: str, policy: Policy, task: Task, mode: str | None, root: Path
) -> Demonstrations | None:
    """Return the demonstrations of the anchor: those named, else those that the policy was cloned from."""
    from ratchet.recipes.demonstrations import anchor_demonstrations

    if given is None:
        run = text.rpartition("@")[0] or text
        directory = (Path(run) if Path(run).is_dir() else root / run) / "demonstrations"
        if policy.record.get("source") != "cloning":
            return None
        if not directory.is_dir():
            people.print(
                "the games that the policy was cloned from are not beside it, so nothing anchors it; "
                "--demonstrations names some",
                markup=False,
                soft_wrap=True,
            )
            return None
        given = str(directory)
    return anchor_demonstrations(given, task, mode, root).demonstrations(task)
