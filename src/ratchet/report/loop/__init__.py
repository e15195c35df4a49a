"""Reports of the parallel loop: cloning, fleets, and the experiment made of both."""

from ratchet.report.loop.document import loop_document, loop_summary
from ratchet.report.loop.evidence import is_loop

__all__ = ["is_loop", "loop_document", "loop_summary"]
