"""Settings that every test shares."""

import os
import signal

from hypothesis import settings

# The first call of a compiled kernel loads or compiles it: a deadline would fail on that, and on nothing else.
settings.register_profile("ratchet", deadline=None, max_examples=50)
settings.load_profile("ratchet")

# One thread a product: the tests run beside each other on few cores.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ.setdefault("OMP_NUM_THREADS", "1")

# A process that was started to ignore Ctrl-C hands that on, and some tests press it in theirs.
signal.signal(signal.SIGINT, signal.default_int_handler)
