"""How long a stop takes to reach two CDS processes, from asking the registry to the first call without a card at the slower.

Registry and both services are processes of their own, on PostgreSQL; each service is called without pause meanwhile.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import tempfile
from pathlib import Path

import numpy as np

from tests.postgres import lasting_database
from tests.registry.deployed.two_workers import breathe, two_workers


async def measured(stops: int) -> list[float]:
    """Seconds of each stop."""
    took = []
    with tempfile.TemporaryDirectory() as folder, lasting_database() as registry, lasting_database() as decisions:
        async with two_workers(Path(folder), registry_database=registry, decisions_database=decisions) as running:
            for stop in range(stops):
                if stop:
                    await running.start_again()
                await breathe()
                took.append(await running.stop())
    return took


def main() -> None:
    """`python -m tests.load.time_of_a_stop --stops 40`; `--json` for a script."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--stops", type=int, default=40)
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    took = np.array(asyncio.run(measured(asked.stops)))
    figures = {
        "stops": len(took),
        **{f"p{share}": round(float(np.quantile(took, share / 100)), 3) for share in (50, 90, 99)},
        "max": round(float(took.max()), 3),
    }
    if asked.json:
        sys.stdout.write(json.dumps({**figures, "seconds": [round(one, 3) for one in took.tolist()]}) + "\n")
        return
    sys.stdout.write("seconds from asking to silence at the slower of two workers; target: under 1\n")
    sys.stdout.write("".join(f"{name:>6}  {value}\n" for name, value in figures.items()))


if __name__ == "__main__":
    main()
