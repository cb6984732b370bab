"""The citations of a guidance as BibTeX: what each says, word for word, with the identifiers that stand in it.

Nothing is looked up and nothing is guessed: authors and titles that a citation does not part are left in its note.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from typing import Final

_DOI: Final = re.compile(r"\bdoi:\s*(10\.\d{4,9}/[^\s;,()]+)", re.IGNORECASE)
_PMID: Final = re.compile(r"\bPMID[: ]\s*(\d{1,9})\b")
_PMC: Final = re.compile(r"\b(PMC\d{3,9})\b")
_YEAR: Final = re.compile(r"\b(19\d\d|20\d\d)\b")
_SPECIAL: Final = str.maketrans({
    "\\": r"\textbackslash{}", "{": r"\{", "}": r"\}", "%": r"\%", "&": r"\&", "#": r"\#", "_": r"\_", "$": r"\$",
    "~": r"\textasciitilde{}", "^": r"\textasciicircum{}",
})  # fmt: skip


def bibtex(citations: Sequence[str]) -> str:
    """One entry for each citation, in order; no two have the same key."""
    entries, keys = [], set[str]()
    for citation in citations:
        key = _key(citation)
        while key in keys:
            key += "x"
        keys.add(key)
        entries.append(_entry(key, citation))
    return "\n".join(entries)


def _entry(key: str, citation: str) -> str:
    year = _YEAR.search(citation)
    doi, pmid, pmc = _DOI.search(citation), _PMID.search(citation), _PMC.search(citation)
    fields = {
        "note": " ".join(citation.split()).translate(_SPECIAL),
        "year": year.group(1) if year else "",
        "doi": doi.group(1).rstrip(".:") if doi else "",
        "pmid": pmid.group(1) if pmid else "",
        "pmcid": pmc.group(1) if pmc else "",
    }
    lines = [f"  {name} = {{{value}}}" for name, value in fields.items() if value]
    return f"@misc{{{key},\n" + ",\n".join(lines) + "\n}\n"


def _key(citation: str) -> str:
    """`donze2013`: the first word and the year, in plain letters."""
    plain = unicodedata.normalize("NFKD", citation).encode("ascii", "ignore").decode().casefold()
    word = re.search(r"[a-z]{2,}", plain)
    year = _YEAR.search(citation)
    return (word.group(0) if word else "source") + (year.group(1) if year else "")
