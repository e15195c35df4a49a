"""What Ratchet costs, as ratios against named peers, one file a claim: ``python -m benchmarks``."""
