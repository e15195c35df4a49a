"""Seeds: the text the game shows, and the 64-bit number it stands for.

The text is the number, read as unsigned, in base 35: digits, then letters without O, which would be
taken for a zero. The number itself is signed, as in the game's files.
"""

from __future__ import annotations

import numpy as np

from spire.errors import SeedError

DIGITS = "0123456789ABCDEFGHIJKLMNPQRSTUVWXYZ"
"""The digits of a seed, in the order of their values."""

_WORDS = 1 << 64


def parse_seed(text: str) -> int:
    """Return the signed 64-bit number of a seed's text.

    As in the game, small letters count as capitals, O as zero, blanks around the text are passed over, and
    a text too long wraps around.

    Raises
    ------
    SeedError
        If the text is empty or holds a character that is not a digit of seeds.

    """
    written = text.strip().upper().replace("O", "0")
    if not written:
        raise SeedError("the seed is empty; it needs at least one digit or letter")
    number = 0
    for digit in written:
        value = DIGITS.find(digit)
        if value < 0:
            raise SeedError(
                f"seed {text!r} holds {digit!r}; a seed is made of digits and letters A-Z"
            )
        number = (number * len(DIGITS) + value) % _WORDS
    return number - _WORDS if number >= _WORDS // 2 else number


def seed_text(seed: int) -> str:
    """Return the text of a seed (64 bits, signed or unsigned).

    Raises
    ------
    SeedError
        If the number has more than 64 bits.

    """
    number = int(seed_word(seed))
    digits = DIGITS[0] if number == 0 else ""
    while number:
        number, value = divmod(number, len(DIGITS))
        digits = DIGITS[value] + digits
    return digits


def seed_word(seed: int) -> np.uint64:
    """Return a seed (signed or unsigned) as the unsigned word that starts a generator.

    Raises
    ------
    SeedError
        If the number has more than 64 bits.

    """
    if not -_WORDS // 2 <= seed < _WORDS:
        raise SeedError(f"seed {seed} is outside the 64 bits a seed has")
    return np.uint64(seed % _WORDS)
