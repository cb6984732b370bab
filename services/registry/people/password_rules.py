"""Which passwords are taken: NIST SP 800-63B section 5.1.1.2. Long ones; no rule about letters, digits or signs.

Refused: fewer than 12 or more than 128 letters, what everybody tries first, the person's own name. Every printable
letter and space of Unicode counts, compared in the form NFKC so that every keyboard gives the same password.
"""

from __future__ import annotations

import re
import unicodedata
from itertools import pairwise
from typing import Final

from services.guidance.lifecycle import person_key
from services.timeline.errors import BadInput

SHORTEST: Final = 12
LONGEST: Final = 128
COMMON: Final = frozenset(
    [
        "password",
        "passwort",
        "passw0rd",
        "p@ssword",
        "p@ssw0rd",
        "pass",
        "mypassword",
        "yourpassword",
        "password123",
        "qwerty",
        "qwertz",
        "qwertyuiop",
        "qwertzuiop",
        "qwertyuiopasdfghjkl",
        "asdfghjkl",
        "asdfghjklzxcvbnm",
        "zxcvbnm",
        "qazwsx",
        "qazwsxedc",
        "qazwsxedcrfv",
        "qweasd",
        "qweasdzxc",
        "qwerasdf",
        "letmein",
        "letmeinnow",
        "welcome",
        "willkommen",
        "bienvenue",
        "changeme",
        "changemenow",
        "default",
        "admin",
        "administrator",
        "root",
        "user",
        "guest",
        "test",
        "testing",
        "secret",
        "supersecret",
        "topsecret",
        "iloveyou",
        "ilovehim",
        "iloveher",
        "iloveyousomuch",
        "sunshine",
        "princess",
        "dragon",
        "monkey",
        "football",
        "baseball",
        "basketball",
        "superman",
        "batman",
        "spiderman",
        "starwars",
        "pokemon",
        "computer",
        "internet",
        "samsung",
        "iphone",
        "google",
        "facebook",
        "michael",
        "jennifer",
        "jessica",
        "charlie",
        "ashley",
        "abc",
        "abcd",
        "abcde",
        "abcdef",
        "abcdefg",
        "abcdefgh",
        "abcdefghij",
        "abcdefghijkl",
        "abcdefghijklmnopqrstuvwxyz",
        "aaaa",
        "trustno",
        "whatever",
        "nothing",
        "hello",
        "helloworld",
        "freedom",
        "master",
        "shadow",
        "killer",
        "jordan",
        "liverpool",
        "chelsea",
        "arsenal",
        "manchester",
        "barcelona",
        "hospital",
        "klinik",
        "clinic",
        "health",
        "healthcare",
        "patient",
        "patients",
        "doctor",
        "nurse",
        "medicine",
        "medical",
        "summer",
        "winter",
        "spring",
        "autumn",
        "sommer",
        "herbst",
        "january",
        "february",
        "march",
        "april",
        "june",
        "july",
        "august",
        "september",
        "october",
        "november",
        "december",
        "monday",
        "tuesday",
        "wednesday",
        "thursday",
        "friday",
        "saturday",
        "sunday",
        "knowdo",
        "knowdoregistry",
        "registry",
        "correcthorsebatterystaple",
        "correct",
        "horse",
        "battery",
        "staple",
    ]
)
"""Words that a password must not come down to, once digits and signs are left out and repetition is undone."""
_LOOKALIKE: Final = str.maketrans("013457$@!", "oleastsai")
_NOT_LETTERS: Final = re.compile(r"[\W\d_]+")
_ENDS: Final = re.compile(r"^[\W\d_]+|[\W\d_]+$")
_REPEATED: Final = re.compile(r"(.+?)\1+")


def checked_password(password: str, *, name: str) -> str:
    """The password in the form that is hashed; BadInput says which rule it breaks, never the password."""
    plain = plain_password(password)
    if not SHORTEST <= len(plain) <= LONGEST:
        raise _refused(f"a password has {SHORTEST} to {LONGEST} letters")
    if not plain.isprintable():
        raise _refused("a password holds no control characters")
    folded = plain.casefold()
    if len(set(folded)) < 5 or _is_run(folded):
        raise _refused("it is a row of few or neighbouring signs")
    if is_common(folded):
        raise _refused("it is one of the passwords that are tried first")
    if any(len(part) > 2 and _without(folded, part) < 6 for part in (person_key(name), *person_key(name).split())):
        raise _refused("it is little more than the person's own name")
    return plain


def plain_password(password: str) -> str:
    """A password as it is hashed: Unicode NFKC, nothing else changed or cut."""
    return unicodedata.normalize("NFKC", password)


def is_common(folded: str) -> bool:
    """Whether a password in small letters is a common word with digits, signs or repetition around it."""
    for text in (folded, folded.translate(_LOOKALIKE), _ENDS.sub("", folded).translate(_LOOKALIKE)):
        letters = _NOT_LETTERS.sub("", text)
        whole = _REPEATED.fullmatch(letters)
        if not letters or letters in COMMON or (whole is not None and whole[1] in COMMON):
            return True
    return False


def _is_run(folded: str) -> bool:
    """Each sign next to the one before, up or down: `123456789012`, `abcdefghijkl`."""
    steps = {ord(after) - ord(before) for before, after in pairwise(folded)}
    return steps <= {1, -9} or steps <= {-1, 9}


def _without(folded: str, part: str) -> int:
    """How many signs are left of the password without this part of a name."""
    return len(folded) if part not in folded else len(folded.replace(part, ""))


def _refused(why: str) -> BadInput:
    return BadInput(
        f"this password is not taken: {why}",
        place="password",
        remedy="Choose four or more words that only you would put together",
    )
