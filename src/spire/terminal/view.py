"""The view: a game as it is looked at. Playing, stepping through and watching all show this."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from rich.console import Console, Group, RenderableType
from rich.panel import Panel
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from spire.combat.damage import monster_attack_amount
from spire.combat.monsters import intent
from spire.content.potions import NAMES as POTION_NAMES
from spire.content.relics import NAMES as RELIC_NAMES
from spire.game import Game
from spire.ids import Card, Encounter, MonsterPower, Move, PlayerPower, Potion, Relic, Room
from spire.maps import ROWS
from spire.names import BOSSES, MOVES
from spire.owned import owns
from spire.shown import NO_COUNTER, USED_UP, shown_counter, shown_move
from spire.state import Fault, Fight, Outcome, Screen
from spire.terminal.cards import (
    card_name,
    card_text,
    kind_of,
    potion_text,
    printed_cost,
)
from spire.terminal.choices import (
    KIND_STYLES,
    Choice,
    choices,
    every_choice,
    potion_choices,
    reachable,
    target_name,
    targets,
    title,
)
from spire.terminal.maps import LEGEND, WIDTH, map_lines
from spire.terminal.words import MONSTER_POWERS, POWERS, RELICS, ROOMS, spoken

PAGES = {
    "m": "map",
    "d": "deck",
    "a": "draw pile",
    "s": "discard pile",
    "x": "exhausted cards",
    "p": "potions",
    "i": "what things do",
    "?": "keys",
}
"""What can be looked at beside the screen, by its key."""

_PILES = {"draw pile": "draw", "discard pile": "discard", "exhausted cards": "exhaust"}

_WIDE = 112
"""From so many columns on, the map stands beside the rest."""
_PANEL = 36
"""How wide the panel of a monster is at most."""
_LEGEND_LINES = 5
_SHORT = 3
"""However low the terminal is, a list shows so many lines."""

KEYS = (
    "up, down    choose; move a long page, as Page Up, Page Down, Home, End do",
    "left, right aim at another enemy; in a shown game, a step back or on",
    "Enter       take what is chosen",
    "1 to 9, 0   take that one at once (in a fight: play that card)",
    "e           end the turn",
    "p           potions: drink, throw, throw away",
    "m           map",
    "d           deck",
    "a, s, x     draw pile, discard pile, exhausted cards",
    "i           what relics, potions and powers do",
    "Escape      back",
    "q           quit",
)


@dataclass
class Look:
    """What a game is looked at with: what is chosen, aimed at and opened, and what is said below."""

    chosen: int = 0
    target: int = -1
    page: str = ""
    heading: str = ""
    note: str = ""
    scrolled: int = 0
    """How many lines the page of the map is moved down from where the player is."""
    numbered: bool = False
    """Whether everything stands with its action number, to be typed; nothing is chosen then."""
    hint: str = (
        "arrows choose, Enter takes, e ends the turn, p potions, m map, d deck, ? keys, q quits"
    )
    offered: list[Choice] = field(default_factory=list)
    """What is offered, as it was when the game was looked at last."""

    def settle(self, game: Game) -> None:
        """Look at a game anew: what is chosen and aimed at may be gone."""
        there = targets(game) if game.screen == Screen.COMBAT else []
        if self.target not in there:
            self.target = there[0] if there else -1
        if self.page in ("", "potions"):
            own = choices(game, self.target)
            self.offered = potion_choices(game) if self.page else own
            self.chosen = max(0, min(self.chosen, len(self.offered) - 1))

    def aim(self, game: Game, step: int) -> None:
        """Aim at another monster."""
        there = targets(game)
        self.target = there[(there.index(self.target) + step) % len(there)]


def turn_page(look: Look, key: str) -> bool:
    """Move along a list, or open or close a page; return whether the key does one of these."""
    steps = {"up": -1, "down": 1, "page up": -10, "page down": 10, "home": -1000, "end": 1000}
    if key in steps and look.page == "map":
        look.scrolled += steps[key]
    elif key in steps:
        look.chosen = max(0, look.chosen + steps[key])
    elif key == "escape":
        look.page, look.chosen = "", 0
    elif key in PAGES:
        look.page, look.chosen = "" if look.page == PAGES[key] else PAGES[key], 0
        look.scrolled = 0
    else:
        return False
    return True


def print_view(console: Console, game: Game, look: Look) -> None:
    """Print a game as it is looked at, as long as it needs to be."""
    console.print(show(console, game, look))
    if look.numbered and look.note:
        console.print(look.note, markup=False)


def show(console: Console, game: Game, look: Look, height: int | None = None) -> RenderableType:
    """Return a game as it is looked at, as high as the terminal or as it needs to be."""
    look.settle(game)
    beside = console.width >= _WIDE and not look.page and not game.is_over
    wide = beside or (game.screen == Screen.MAP and not look.page)
    width = console.width - (WIDTH + 3 if wide else 0)
    top = _header(game, look)
    bottom = _footer(look)
    room = None
    if height is not None:
        room = max(_SHORT, height - _lines(console, top) - _lines(console, bottom))
    body = (
        _page(console, game, look, room) if look.page else _body(console, game, look, room, width)
    )
    if wide:
        both = Table.grid(padding=(0, 2, 0, 0), expand=True)
        both.add_column(ratio=1)
        both.add_column(width=WIDTH)
        both.add_row(body, _map(game, look, room))
        body = both
    return Group(top, body, bottom)


def _lines(console: Console, what: RenderableType, width: int | None = None) -> int:
    """Return how many lines something takes."""
    options = console.options if width is None else console.options.update(width=width)
    return len(console.render_lines(what, options))


def _header(game: Game, look: Look) -> RenderableType:
    record = game.record
    share = int(record.hp) / max(1, int(record.max_hp))
    health = "green" if share > 0.5 else "yellow" if share > 0.25 else "bold red"
    line = Text.assemble(
        (f"HP {int(record.hp)}/{int(record.max_hp)}", health),
        ("   "),
        (f"{int(record.gold)} gold", "yellow"),
        f"   act {int(record.act)}   floor {int(record.floor)}",
    )
    if record.floor:
        line.append(f" ({ROOMS.get(Room(record.room), ('', ''))[1]})")
    keys = [key for key in ("ruby", "emerald", "sapphire") if record[f"{key}_key"]]
    if keys:
        line.append(f"   keys: {', '.join(keys)}", "yellow")
    line.append("   potions: ")
    held = [
        (POTION_NAMES[potion], "green") if potion else ("empty", "dim")
        for potion in record.potions[: record.potion_slots].tolist()
    ]
    line.append_text(Text(", ").join(Text(*one) for one in held))
    relics = Text(", ").join(
        Text(_relic(record, slot), "yellow") for slot in range(record.relic_count)
    )
    name = look.heading or f"Ironclad, ascension {int(record.ascension)}, seed {game.seed}"
    return Group(Rule(Text(name), style="dim", align="left"), line, Text("relics: ") + relics)


def _relic(record: Any, slot: int) -> str:
    """Return a relic with what its counter shows."""
    name = RELIC_NAMES[Relic(record.relics[slot])]
    count = int(shown_counter(record, slot))
    if count == NO_COUNTER:
        return name
    return f"{name} (used up)" if count == USED_UP else f"{name} ({count})"


def _footer(look: Look) -> RenderableType:
    if look.numbered:
        return Rule(style="dim")
    detail = Text()
    if look.offered and (not look.page or look.page == "potions"):
        chosen = look.offered[look.chosen]
        detail = Text(chosen.why_not or chosen.detail, "yellow" if chosen.why_not else "")
    lines = [detail] if look.hint else []
    if look.note or look.hint:
        lines.append(Text(look.note, "bold yellow") if look.note else Text(look.hint, "dim"))
    return Group(Rule(style="dim"), *lines)


# Screens.


def _body(console: Console, game: Game, look: Look, room: int | None, width: int) -> RenderableType:
    if game.is_over:
        return _end(game)
    above: list[RenderableType] = []
    record = game.record
    if record.combat.fight == Fight.ON:
        above = [_monsters(game, look, width), _player(game)]
    heading = Text(title(game), "bold")
    if room is not None:
        room -= sum(_lines(console, part, width) for part in (*above, heading))
    if look.numbered:
        return Group(*above, heading, *_numbered(game))
    return Group(*above, heading, _list(look, room, width))


def _list(look: Look, room: int | None, width: int) -> RenderableType:
    """Return what is offered, one a line, with what it does as far as there is room."""
    lines = []
    asides = max((len(choice.aside) for choice in look.offered), default=0)
    names = max((len(choice.text) for choice in look.offered), default=0)
    for k, choice in enumerate(look.offered):
        key = str((k + 1) % 10) if k < 10 else " "
        line = Text(f"{'>' if k == look.chosen else ' '}{key} ", no_wrap=True, overflow="ellipsis")
        if asides:
            line.append(choice.aside.rjust(asides) + " ", "dim" if choice.why_not else "bold")
        style = "dim" if choice.why_not else choice.style
        line.append(choice.text.ljust(names + 2), style)
        line.append(choice.detail, "dim")
        if k == look.chosen:
            line.stylize("reverse", 0, 3)
        line.truncate(width, overflow="ellipsis")
        lines.append(line)
    return _window(lines, look.chosen, room)


def _numbered(game: Game) -> Iterator[Text]:
    """Yield the actions that are allowed, with their numbers, and what is refused and why."""
    allowed = game.mask()
    for number, choice in enumerate(every_choice(game)):
        if choice.why_not:
            yield Text(f"    - {choice.aside} {choice.text}: {choice.why_not}")
        for target, action in enumerate(choice.actions):
            if not allowed[action]:
                continue
            at, detail = "", choice.detail
            if choice.is_aimed:
                at, detail = (
                    f" at {target_name(game, target)}",
                    every_choice(game, target)[number].detail,
                )
            text = f"{action:5} {choice.aside} {choice.text}{at}"
            yield Text(f"{text}  {detail}".rstrip())


def _window(lines: Sequence[Text], chosen: int, room: int | None) -> RenderableType:
    """Return the lines around the one that is chosen, as many as there is room for."""
    if room is None or len(lines) <= room:
        return Group(*lines)
    room = max(room, _SHORT)
    first = max(0, min(chosen - room // 2, len(lines) - room))
    shown = list(lines[first : first + room])
    if first > 0:
        shown[0] = Text(f"   ... {first + 1} above", "dim")
    below = len(lines) - first - room
    if below > 0:
        shown[-1] = Text(f"   ... {below + 1} below", "dim")
    return Group(*shown)


def _end(game: Game) -> RenderableType:
    record = game.record
    words = {
        Outcome.DEFEAT: ("You died.", "bold red"),
        Outcome.ACT_CLEARED: ("Act 1 is cleared.", "bold green"),
        Outcome.VICTORY: ("Victory.", "bold green"),
        Outcome.FIGHT_OVER: ("The fight is over.", "bold green"),
        Outcome.FAULT: (f"The game broke off: {Fault(record.fault).name}.", "bold red"),
    }
    text, style = words[Outcome(record.outcome)]
    where = f"Floor {int(record.floor)}, {int(record.gold)} gold, {int(record.deck_count)} cards."
    return Group(Text(text, style), Text(where), _columns(_deck(record)))


# Fights.


def _monsters(game: Game, look: Look, width: int) -> RenderableType:
    combat = game.record.combat
    places = [
        m
        for m in range(combat.monster_count)
        if combat.monsters[m].used
        and not combat.monsters[m].dead
        and not combat.monsters[m].escaped
    ]
    row = Table.grid(padding=(0, 1, 0, 0))
    for _ in places:
        row.add_column(width=min(_PANEL, width // max(1, len(places)) - 1))
    row.add_row(*(_monster(game, m, aimed=m == look.target and not look.numbered) for m in places))
    return row


def _monster(game: Game, m: int, *, aimed: bool) -> RenderableType:
    monster = game.record.combat.monsters[m]
    share = int(monster.hp) / max(1, int(monster.max_hp))
    bar = round(10 * share)
    lines = [
        Text.assemble(
            (f"{int(monster.hp)}/{int(monster.max_hp)} ", "bold"),
            ("#" * bar, "red"),
            ("-" * (10 - bar), "dim"),
        ),
        Text(f"block {int(monster.block)}", "cyan" if monster.block else "dim"),
        intention(game, m),
    ]
    powers = [
        f"{spoken(MonsterPower(power))} {int(monster.powers[power])}"
        for power in monster.order[: monster.order_count].tolist()
    ]
    lines.append(Text(", ".join(powers), "magenta"))
    name = target_name(game, m)
    return Panel(
        Group(*lines),
        title=Text(f"> {name} <" if aimed else name, "bold" if aimed else ""),
        border_style="bold yellow" if aimed else "dim",
        padding=(0, 1),
    )


_INTENTS = {
    "BUFF": "strengthen itself",
    "DEBUFF": "weaken you",
    "STRONG": "weaken you badly",
    "DEFEND": "block",
    "ESCAPE": "flee",
    "SLEEP": "sleep",
    "STUN": "do nothing: it is stunned",
}


def _attack(record: Any, m: int) -> tuple[int, int]:
    """Return how hard and how often a monster means to hit; (0, 0) if it does not, or hides it."""
    monster = record.combat.monsters[m]
    if not shown_move(monster) or owns(record, Relic.RUNIC_DOME):
        return 0, 0
    base, hits = intent(record, m)
    if base < 0:
        return 0, 0
    return int(monster_attack_amount(record, m, int(base))), int(hits)


def intention(game: Game, m: int) -> Text:
    """Return what a monster means to do, as far as the game shows it."""
    record = game.record
    if owns(record, Relic.RUNIC_DOME):
        return Text("intent hidden", "dim")
    move = Move(int(shown_move(record.combat.monsters[m])))
    kind = MOVES[move][1] if move in MOVES else ""
    words = kind.replace("STRONG_DEBUFF", "STRONG").split("_")
    amount, hits = _attack(record, m)
    parts = [f"attack {amount}" + (f" x {hits}" if hits > 1 else "")] if hits else []
    parts += [_INTENTS[word] for word in words if word in _INTENTS]
    return Text(
        f"means to {', '.join(parts)}" if parts else "means something unknown",
        "bold red" if hits else "",
    )


def _player(game: Game) -> RenderableType:
    record = game.record
    combat = record.combat
    line = Text.assemble(
        (f"energy {int(combat.energy)}/{int(combat.energy_per_turn)}", "bold yellow"),
        (f"   block {int(combat.block)}", "bold cyan" if combat.block else "dim"),
        f"   turn {int(combat.turn) + 1}",
        f"   draw {int(combat.draw_count)}, discard {int(combat.discard_count)}, "
        f"exhausted {int(combat.exhaust_count)}",
    )
    attacks = (_attack(record, m) for m in targets(game))
    coming = sum(amount * hits for amount, hits in attacks)
    if coming:
        line.append(f"   attacks coming: {coming}", "red")
    powers = Text(", ").join(Text(text, "magenta") for text, _ in _powers(combat))
    return Group(line, Text("you have ") + powers) if powers else line


def _powers(combat: Any) -> list[tuple[str, str]]:
    """Return the powers of the player, and what each does."""
    shown = []
    for power in combat.order[: combat.order_count].tolist():
        amount = int(combat.powers[power])
        which = PlayerPower(power)
        shown.append((f"{spoken(which)} {amount}", POWERS.get(which, "").format(n=amount)))
    for turns, damage in zip(combat.bomb_turns.tolist(), combat.bomb_damage.tolist(), strict=True):
        if turns:
            shown.append((f"Bomb {damage} in {turns}", "Damage to all enemies."))
    return shown


# Pages.


def _page(console: Console, game: Game, look: Look, room: int | None) -> RenderableType:
    heading = Text(look.page.capitalize(), "bold")
    room = None if room is None else room - 1
    if look.page == "map":
        return _map_page(game, look, room)
    if look.page == "keys":
        lines = [Text(line) for line in KEYS]
    elif look.page == "potions":
        return Group(heading, _list(look, room, console.width))
    elif look.page == "what things do":
        lines = _explained(game)
    elif look.page == "deck":
        lines = _deck(game.record)
        if room is None or len(lines) <= 2 * room:
            return Group(heading, _columns(lines))
    else:
        lines = _pile(game, _PILES[look.page])
    if room is not None:
        # A page has nothing to choose: it moves as soon as a key says so.
        look.chosen = min(look.chosen, max(0, len(lines) - room))
        lines = lines[look.chosen : look.chosen + room]
    return Group(heading, *(lines or [Text("nothing")]))


def _map(game: Game, look: Look, room: int | None) -> RenderableType:
    """Return the map beside the rest: as much of it around the player as there is room for."""
    chosen = -1
    ahead = reachable(game)
    if game.screen == Screen.MAP and look.chosen < len(ahead):
        chosen = ahead[look.chosen]
    lines, here = map_lines(game, chosen)
    if room is not None:
        room = max(room - _LEGEND_LINES, _SHORT)
        first = _around(here, len(lines), room)
        lines = lines[first : first + room]
    return Group(*lines, _boss(game), Text("  ".join(LEGEND), "dim"))


def _map_page(game: Game, look: Look, room: int | None) -> RenderableType:
    """Return the map as a page of its own, with its floors, moved to where somebody looks."""
    lines, here = map_lines(game)
    # From the boss down, every other line is a floor.
    numbered = [
        Text(f"{ROWS + 1 - place // 2:>3} " if place % 2 == 0 else "    ", "dim") + line
        for place, line in enumerate(lines)
    ]
    heading = Text("Map", "bold")
    if room is not None and room < len(lines):
        room = max(room, _SHORT)
        start = _around(here, len(lines), room)
        first = max(0, min(start + look.scrolled, len(lines) - room))
        # What goes beyond the ends is forgotten, so that the next key moves it at once.
        look.scrolled = first - start
        numbered = numbered[first : first + room]
        low, high = ROWS + 1 - (first + room - 1) // 2, ROWS + 1 - (first + 1) // 2
        heading.append(f", floors {low} to {high} of {ROWS + 1}; up and down move it")
    else:
        look.scrolled = 0
    marks = ("( )  where you are", "[ ]  where you can go", *(f" {line}" for line in LEGEND))
    told = [_boss(game), *(Text(line, "dim") for line in marks)]
    both = Table.grid(padding=(0, 4, 0, 0))
    both.add_row(Group(*numbered), Group(*told[: len(numbered)]))
    return Group(heading, both)


def _around(here: int, count: int, room: int) -> int:
    """Return the first line to show of the map, so that the player's is among them and more is ahead."""
    return max(0, min(here - 2 * room // 3, count - room))


def _boss(game: Game) -> Text:
    boss = Encounter(game.record.encounters.bosses[0])
    return Text(f"boss: {BOSSES.get(boss, spoken(boss))}", "red")


def _deck(record: Any) -> list[Text]:
    """Return the cards of the deck, like ones together."""
    count = int(record.deck_count)
    return _counted(
        (Card(card.id), int(card.upgrades), int(card.misc), bool(card.bottled))
        for card in record.deck[:count]
    )


def _pile(game: Game, name: str) -> list[Text]:
    """Return the cards of a pile. The draw pile is not shown in its order, unless by a Frozen Eye."""
    combat = game.record.combat
    cards = [combat.cards[c] for c in combat[name][: combat[f"{name}_count"]].tolist()]
    listed = [(Card(card.id), int(card.upgrades), int(card.misc), False) for card in cards]
    if name == "draw" and not owns(game.record, Relic.FROZEN_EYE):
        listed.sort(key=lambda card: card_name(*card[:2]))
        return _counted(listed)
    return [_counted([card])[0] for card in reversed(listed)]


def _counted(cards: Iterable[tuple[Card, int, int, bool]]) -> list[Text]:
    lines = []
    for (card, upgrades, misc, bottled), count in Counter(cards).items():
        line = Text(no_wrap=True, overflow="ellipsis")
        line.append(f"{count} x ".rjust(5) if count > 1 else " " * 5)
        style = KIND_STYLES.get(kind_of(card), "")
        line.append(f"{card_name(card, upgrades)}{', bottled' if bottled else ''} ", style)
        cost, text = printed_cost(card, upgrades), card_text(card, upgrades, misc)
        line.append(f"({cost}) {text}", "dim")
        lines.append(line)
    return lines


def _columns(lines: Sequence[Text]) -> RenderableType:
    """Return lines in two columns."""
    half = (len(lines) + 1) // 2
    grid = Table.grid(expand=True, padding=(0, 1))
    grid.add_column(ratio=1, no_wrap=True, overflow="ellipsis")
    grid.add_column(ratio=1, no_wrap=True, overflow="ellipsis")
    for k in range(half):
        grid.add_row(lines[k], lines[half + k] if half + k < len(lines) else Text())
    return grid


def _explained(game: Game) -> list[Text]:
    """Return what relics, potions and powers do."""
    record = game.record
    lines = []
    for slot in range(record.relic_count):
        text = RELICS.get(Relic(record.relics[slot]), "")
        lines.append(Text.assemble((_relic(record, slot), "yellow"), f": {text}"))
    for potion in record.potions[: record.potion_slots].tolist():
        if potion:
            text = potion_text(record, Potion(potion))
            lines.append(Text.assemble((POTION_NAMES[potion], "green"), f": {text}"))
    if record.combat.fight != Fight.ON:
        return lines
    lines += [
        Text.assemble((name, "magenta"), f": {text}") for name, text in _powers(record.combat)
    ]
    for m in targets(game):
        monster = record.combat.monsters[m]
        for power in monster.order[: monster.order_count].tolist():
            which_power, amount = MonsterPower(power), int(monster.powers[power])
            text = MONSTER_POWERS.get(which_power, "").format(n=amount)
            name = f"{target_name(game, m)}, {spoken(which_power)} {amount}"
            lines.append(Text.assemble((name, "magenta"), f": {text}"))
    return lines
