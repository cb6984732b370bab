"""How fast resources become events and events a timeline: `python -m tests.load.speed_of_flatten FOLDER-OF-NDJSON`.

Prints each figure beside its floor (the typed decode alone) in one run; CPU time, one core.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path

from services.timeline.events import EventBatch
from services.timeline.flatten import flatten_json
from services.timeline.resources import decode_strict
from services.timeline.timeline import assemble, index_rows


def cpu(act: Callable[[], object], *, times: int = 1) -> float:
    """CPU seconds of one act, the best of three rounds."""
    best = float("inf")
    for _ in range(3):
        begun = time.process_time()
        for _ in range(times):
            act()
        best = min(best, (time.process_time() - begun) / times)
    return best


def main(folder: Path) -> None:
    """History: all files; the bedside: the first patient's seventy events or so."""
    history = EventBatch()
    for path in sorted(folder.glob("*.ndjson")):
        lines = path.read_bytes().splitlines()

        def read(lines: list[bytes] = lines) -> EventBatch:
            batch = EventBatch()
            for line in lines:
                flatten_json(line, batch)
            return batch

        def decode(lines: list[bytes] = lines) -> None:
            for line in lines:
                decode_strict(line)

        floor, taken = cpu(decode), cpu(read)
        stored = cpu(lambda read=read: read().columns())  # type: ignore[misc]
        size = len(lines)
        print(  # noqa: T201
            f"{path.stem:>16}: {size / taken:>9,.0f} resources/s to events, {size / stored:>9,.0f} to columns; "
            f"{taken / size * 1e6:.2f} us each, of which decode {floor / size * 1e6:.2f}"
        )
        for line in lines:
            flatten_json(line, history)
    columns = history.columns()
    taken = cpu(lambda: assemble(columns))
    print(f"        assemble: {len(columns) / taken:>9,.0f} events/s ({len(columns):,} events)")  # noqa: T201

    timeline = assemble(columns)
    patient = timeline.patients[0]
    ours = [
        line
        for path in sorted(folder.glob("*.ndjson"))
        for line in path.read_bytes().splitlines()
        if f'"Patient/{patient}"'.encode() in line or f'"id":"{patient}"'.encode() in line
    ]
    call = EventBatch()
    for copy in range(3):
        for line in ours:
            flatten_json(line.replace(b'"id":"sup-e', b'"id":"%d-sup-e' % copy), call)

    def flatten_all() -> None:
        batch = EventBatch()
        for line in ours:
            flatten_json(line, batch)

    bedside = assemble(call, all_known=True)
    print(  # noqa: T201
        f"         bedside: flatten {cpu(flatten_all, times=300) / len(ours) * 1e6:.1f} us a resource; "
        f"assemble {len(call)} events {cpu(lambda: assemble(call, all_known=True), times=1000) * 1e6:.0f} us; "
        f"index_rows {cpu(lambda: index_rows(bedside, [patient], 0, ['']), times=1000) * 1e6:.0f} us"
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]))
