"""Runs of fleets for tests, and what stands in for their trainer."""

import os
import subprocess
import sys
import time

from ratchet.policies.initial import new_policy
from ratchet.rollout.fit import spec_for
from ratchet.rollout.fleet.home import SPOOL, VERSIONS
from ratchet.rollout.kind import kind_of
from ratchet.rollout.plan import FleetPlan, read_plan, write_plan
from ratchet.rollout.publication import Publication
from ratchet.rollout.spool import Spool, create_spool

ENVIRONMENT = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}


def made_run(run, task="environments:Counting", *, publish=True, **changes):
    """Make the run of a fleet, with version 0 published; return its publication."""
    settings = {"environments": 3, "batch": 4, "max_lag": 10**6, "start_seconds": 60.0}
    plan = FleetPlan(run="first", task=task, **(settings | changes))
    run.mkdir(exist_ok=True)
    write_plan(run, plan)
    made = plan.make_task()
    create_spool(run / SPOOL, kind_of(made, run="first", masked=plan.masked))
    publication = Publication(run / VERSIONS)
    if publish:
        publication.publish(0, policy_for(made, 0))
    return publication


def policy_for(task, seed):
    return new_policy(spec_for(task), seed)


def learned(run, update, publication, count=10**9):
    """Take what waits, as a trainer would; return the episodes."""
    plan = read_plan(run)
    kind = kind_of(plan.make_task(), run=plan.run, masked=plan.masked)
    with Spool(run / SPOOL, kind, update=update - 1, keep=None) as spool:
        claims = spool.claim(
            update,
            count,
            version=publication.newest(),
            policies=publication.ids(),
            max_lag=plan.max_lag,
        )
        spool.consume(update, [claim.name for claim in claims])
    return [claim.episode for claim in claims]


def until(true, seconds=60.0):
    """Wait until something is so."""
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it never became so"
        time.sleep(0.02)


def start_worker(run, name, *more):
    """Start a worker as from a terminal."""
    return subprocess.Popen(
        [
            sys.executable,
            "-P",
            "-m",
            "ratchet.rollout.fleet.worker",
            str(run),
            "--name",
            name,
            *more,
        ],
        env=ENVIRONMENT,
        stdin=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
