"""``python -m spire.heuristic``: play a range of seeds, and report how it went."""

from spire.heuristic.results import main

if __name__ == "__main__":
    main()
