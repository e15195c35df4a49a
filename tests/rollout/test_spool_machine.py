"""Whatever workers, a trainer and crashes do, every episode is in one state, and learned from once."""

import os
import shutil
import tempfile
from pathlib import Path

import hypothesis.strategies as st
from hypothesis import HealthCheck, settings
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from episodes import KIND, made, number_of, policy_of
from ratchet.rollout.spool import Spool, SpoolWriter, create_spool, read_counts
from ratchet.rollout.spool.layout import STATES, files_of, keys_in, updates_in

KEEP, MAX_LAG = 2, 2


class SpoolMachine(RuleBasedStateMachine):
    """A spool beside a model of it: the state of each episode, by its name.

    The version that is published is the number of the last update. A trainer that falls back to an older
    checkpoint publishes other policies from there on: `salt` tells them apart.
    """

    def __init__(self):
        super().__init__()
        self.fsync, os.fsync = os.fsync, lambda _: None
        self.root = Path(tempfile.mkdtemp())
        self.spool = None

    def teardown(self):
        if self.spool is not None:
            self.spool.__exit__(None, None, None)
        for writer in self.writers:
            writer.close()
        os.fsync = self.fsync
        shutil.rmtree(self.root)

    @initialize()
    def begin(self):
        create_spool(self.root, KIND)
        self.writers = [SpoolWriter(self.root, KIND) for _ in range(2)]
        self.states, self.wrong, self.version = {}, {}, {}
        self.episodes, self.strays = {}, 0
        self.policies = {0: policy_of(0)}
        self.checkpoints = [[]]  # by update, what its checkpoint says that it has learned from
        self.consumed_by, self.retired = {}, set()
        self.claims = []
        self.reopen()

    @property
    def update(self):
        return len(self.checkpoints) - 1

    def reopen(self):
        """A trainer comes, and reads the last checkpoint."""
        self.spool = Spool(
            self.root, KIND, update=self.update, learned=self.checkpoints[-1], keep=KEEP
        )
        self.spool.__enter__()
        for name in self.checkpoints[-1]:
            if self.states[name] == "claimed":
                self.learn(name)
        for name, state in self.states.items():
            after = state == "consumed" and self.consumed_by[name] > self.update
            if state == "claimed" or (after and name not in self.retired):
                self.states[name] = "incoming"
        self.claims = []
        self.retire()

    def learn(self, name):
        self.states[name] = "consumed"
        self.consumed_by[name] = self.update

    def retire(self):
        for name, update in self.consumed_by.items():
            if self.states[name] == "consumed" and update <= self.update - KEEP:
                self.retired.add(name)

    @rule(
        which=st.integers(0, 1),
        behind=st.integers(0, MAX_LAG + 1),
        harm=st.sampled_from([None, None, None, "cut", "flip", "notes", "policy"]),
    )
    def put(self, which, behind, harm):
        number, version = len(self.episodes), max(0, self.update - behind)
        policy = "another" if harm == "policy" else self.policies[version]
        name = self.writers[which].put(made(number, version=version, policy=policy))
        path = self.root / "incoming" / name
        content = path.read_bytes()
        if harm == "cut":
            path.write_bytes(content[: len(content) // 2])
        elif harm == "flip":
            path.write_bytes(content[:300] + bytes([content[300] ^ 1]) + content[301:])
        elif harm == "notes":
            path.write_bytes(b"notes")
        self.wrong[name] = {"cut": "corrupt", "flip": "corrupt", None: None}.get(harm, "foreign")
        self.states[name], self.version[name] = "incoming", (version, policy)
        self.episodes[name] = number

    @rule(which=st.integers(0, 1), dies=st.booleans())
    def another_writer(self, which, dies):
        old = self.writers[which]
        self.writers[which] = SpoolWriter(self.root, KIND)
        if dies:
            (self.root / "writers" / f"{old.writer:05d}" / ".tmp-0").write_bytes(b"half")
        old.close()

    @rule()
    def stray(self):
        self.strays += 1
        (self.root / "incoming" / f"notes {self.strays}").write_bytes(b"notes")

    def verdict(self, name):
        version, policy = self.version[name]
        if self.wrong[name] == "corrupt":
            return "corrupt"
        if version > self.update:
            return "foreign"
        if self.update - version > MAX_LAG:
            return "stale"
        if self.wrong[name] is None and policy != self.policies[version]:
            return "foreign"
        return self.wrong[name]

    @rule(count=st.integers(0, 4))
    def claim(self, count):
        claimed = self.spool.claim(
            self.update + 1,
            count,
            version=self.update,
            policies=self.policies,
            max_lag=MAX_LAG,
        )
        for name, lag, episode in claimed:
            assert self.states[name] == "incoming"
            assert self.verdict(name) is None
            assert number_of(episode) == self.episodes[name]
            assert lag == self.update - self.version[name][0]
            assert not any(name in learned for learned in self.checkpoints)
            self.states[name] = "claimed"
            self.claims.append(name)
        versions = [self.version[name][0] for name, *_ in claimed]
        assert versions == sorted(versions)
        for name, state in self.states.items():
            moved = not (self.root / "incoming" / name).exists()
            if state == "incoming" and moved:
                self.states[name] = self.verdict(name)
                assert self.states[name] is not None
        if len(claimed) < count:
            assert not any(state == "incoming" for state in self.states.values())

    @rule(some=st.booleans(), dies=st.sampled_from(["no", "before", "after"]))
    def publish(self, some, dies):
        learned = self.claims[: len(self.claims) // 2] if some else self.claims
        if dies != "before":
            self.checkpoints.append(list(learned))
            self.policies[self.update] = policy_of(self.update, self.policies_made())
        if dies == "no":
            self.spool.consume(self.update, learned)
            for name in self.claims:
                if name in learned:
                    self.learn(name)
                else:
                    self.states[name] = "incoming"
            self.claims = []
            self.retire()
        else:
            self.spool.__exit__(None, None, None)
            self.reopen()

    def policies_made(self):
        self.made = getattr(self, "made", 0) + 1
        return self.made

    @rule()
    def release(self):
        self.spool.release(self.update + 1)
        for name in self.claims:
            self.states[name] = "incoming"
        self.claims = []

    @rule(back=st.integers(1, 3))
    def fall_back(self, back):
        """The last checkpoints turn out damaged."""
        self.spool.__exit__(None, None, None)
        self.checkpoints = self.checkpoints[: max(1, len(self.checkpoints) - back)]
        self.reopen()

    @invariant()
    def it_adds_up(self):
        if self.spool is None:
            return
        counts = read_counts(self.root)
        states = list(self.states.values())
        strays_waiting = len(list((self.root / "incoming").glob("notes *")))
        assert counts.missing == 0
        assert counts.collected == len(states) + self.strays
        assert counts.waiting == states.count("incoming") + strays_waiting
        assert counts.claimed == states.count("claimed")
        assert counts.consumed == states.count("consumed")
        assert counts.stale == states.count("stale")
        assert counts.corrupt == states.count("corrupt")
        assert counts.foreign == states.count("foreign") + self.strays - strays_waiting

    @invariant()
    def every_file_is_in_one_place_and_what_is_refused_says_why(self):
        if self.spool is None:
            return
        keys = [key for state in STATES for key in keys_in(self.root, state)]
        assert len(keys) == len(set(keys))
        for state in ("stale", "corrupt", "foreign"):
            for update in updates_in(self.root, state):
                for name in files_of(self.root, state, update):
                    assert (self.root / state / f"{update:08d}" / f"{name}.reason").is_file()


TestSpool = SpoolMachine.TestCase
TestSpool.settings = settings(
    max_examples=40,
    stateful_step_count=30,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
