"""Heuristic: a player that decides every screen from what a player sees.

In a fight it tries every order of plays of the turn on copies of the game, and plays the best of them out to
the end of the fight with luck of its own (`combat`). Everything else goes by lists and rules: the way over
the map (`paths`), cards (`picks`, `tiers`), shops, events and rest sites. Nothing hidden has a part in it:
copies are rid of the state of the game's random numbers and of the order to draw in before anything is tried.

``Player().choose(game)`` is its action in a game (`spire.heuristic.player`), and ``python -m spire.heuristic``
measures it.
"""
