"""One site sends its own codes: laboratory tests and part of its medicines; and how they are mapped.

Riverside names every laboratory test in a system of its own, some medicines by the codes of its formulary, and one by an
RxNorm product. Its ConceptMaps and the ingredient table go to `terminology/`; without them these facts are missing.
"""

from __future__ import annotations

import json
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

from services.demo.catalogue import DRUGS, LOINC, RXNORM, TESTS
from services.demo.fragments import TEST_CODE, concept

SITE: Final = 3  # Riverside
LABORATORY: Final = "https://riverside.example.org/laboratory"
FORMULARY: Final = "https://riverside.example.org/formulary"
LOCAL_DRUGS: Final = ("lisinopril", "metformin", "furosemide", "insulin_glargine")
PRODUCTS: Final = {"atorvastatin": ("617310", "atorvastatin 20 MG Oral Tablet")}
INGREDIENTS: Final = (("617310", "83367"), ("617312", "83367"))  # RxNorm product, RxNorm ingredient
TABLE = "ingredients.csv"
LOCAL_TESTS: Final = {
    name: f"RV-{number:03d}" for number, name in enumerate(sorted(TESTS), 101) if not TESTS[name].vital
}
LOCAL_TEST_CODE: Final = {
    name: f'"code":{concept(LABORATORY, LOCAL_TESTS[name], name)}' if name in LOCAL_TESTS else code
    for name, code in TEST_CODE.items()
}


@lru_cache(maxsize=2)
def drug_codes(local: bool) -> dict[str, str]:
    """The CodeableConcept of each drug: RxNorm, or as Riverside has it."""
    codes = {name: concept(RXNORM, *drug) for name, drug in DRUGS.items()}
    if local:
        codes |= {name: concept(FORMULARY, f"RVF-{name}", DRUGS[name][1]) for name in LOCAL_DRUGS}
        codes |= {name: concept(RXNORM, *product) for name, product in PRODUCTS.items()}
    return codes


def write_terminology(folder: Path) -> None:
    """Write Riverside's ConceptMaps and the ingredient table."""
    folder.mkdir(parents=True)
    tests = {code: (TESTS[name].loinc, TESTS[name].text) for name, code in LOCAL_TESTS.items()}
    drugs = {f"RVF-{name}": DRUGS[name] for name in LOCAL_DRUGS}
    for name, source, target, codes in (
        ("riverside-laboratory", LABORATORY, LOINC, tests),
        ("riverside-formulary", FORMULARY, RXNORM, drugs),
    ):
        text = json.dumps(_concept_map(name, source, target, codes), indent=1) + "\n"
        (folder / f"{name}.json").write_text(text, encoding="utf-8")
    rows = "".join(f"{product},{ingredient}\n" for product, ingredient in INGREDIENTS)
    (folder / TABLE).write_text(f"product,ingredient\n{rows}", encoding="utf-8")


def _concept_map(name: str, source: str, target: str, codes: dict[str, tuple[str, str]]) -> dict[str, Any]:
    return {
        "resourceType": "ConceptMap",
        "id": name,
        "url": f"https://riverside.example.org/ConceptMap/{name}",
        "status": "active",
        "group": [
            {
                "source": source,
                "target": target,
                "element": [
                    {"code": code, "target": [{"code": there, "display": display, "equivalence": "equivalent"}]}
                    for code, (there, display) in codes.items()
                ],
            }
        ],
    }
