"""Load from a C program, so that the load generator costs next to nothing: wrk, with requests made beforehand.

Every request is another patient's and another call's: the digits of `NUMBER` in the body are counted up. With tokens each
request has its own.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

NUMBER: Final = "7000000"
"""What stands in a body where the number of the request goes; of the same length, so that the length stays."""
TICKS: Final = os.sysconf("SC_CLK_TCK")

_SCRIPT: Final = """
local folder = os.getenv("LOAD_FOLDER")
local number = tonumber(os.getenv("LOAD_FIRST"))
local file = io.open(folder .. "/body", "rb"); local body = file:read("*a"); file:close()
local tokens = {}
local listed = io.open(folder .. "/tokens", "rb")
if listed then for line in listed:lines() do tokens[#tokens + 1] = line end; listed:close() end
local head = "POST " .. os.getenv("LOAD_PATH") .. " HTTP/1.1\\r\\nHost: x\\r\\nContent-Type: application/json\\r\\nContent-Length: "
  .. #body .. "\\r\\n"
local sent = 0
function request()
  number = number + 1; sent = sent + 1
  local signed = ""
  if #tokens > 0 then
    if sent > #tokens then error("more requests than tokens") end
    signed = "Authorization: Bearer " .. tokens[sent] .. "\\r\\n"
  end
  return head .. signed .. "\\r\\n" .. body:gsub("NUMBER", string.format("%07d", number))
end
function done(summary, latency)
  local e = summary.errors
  io.stderr:write(string.format(
    '{"requests":%d,"microseconds":%d,"errors":%d,"p50":%.1f,"p95":%.1f,"p99":%.1f}\\n', summary.requests, summary.duration,
    e.connect + e.read + e.write + e.status + e.timeout, latency:percentile(50), latency:percentile(95), latency:percentile(99)))
end
""".replace("NUMBER", NUMBER)


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """What came of one round: requests answered, errors, wall seconds, latencies in milliseconds."""

    requests: int
    errors: int
    seconds: float
    p50: float
    p95: float
    p99: float


def there_is_wrk() -> bool:
    """Whether the load generator is installed (Debian: `wrk`)."""
    return shutil.which("wrk") is not None


def drive(
    port: int, path: str, body: bytes, *, first: int, connections: int, seconds: float, tokens: Sequence[str] = ()
) -> Load:
    """Post for some seconds over some connections; the patients' numbers count up from `first`."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "body").write_bytes(body)
        Path(folder, "load.lua").write_text(_SCRIPT, encoding="utf-8")
        if tokens:
            Path(folder, "tokens").write_text("\n".join(tokens), encoding="utf-8")
        told = subprocess.run(
            ["wrk", "-t1", f"-c{connections}", f"-d{seconds:.0f}s", "--timeout", "20s", "-s", f"{folder}/load.lua", f"http://127.0.0.1:{port}"],
            env={**os.environ, "LOAD_FOLDER": folder, "LOAD_FIRST": str(first), "LOAD_PATH": path},
            capture_output=True, text=True, check=True,
        )  # fmt: skip
    said = json.loads(told.stderr.strip().splitlines()[-1])
    return Load(
        requests=said["requests"],
        errors=said["errors"],
        seconds=said["microseconds"] / 1e6,
        p50=said["p50"] / 1e3,
        p95=said["p95"] / 1e3,
        p99=said["p99"] / 1e3,
    )


def cpu(pid: int) -> float:
    """Seconds of user and system time of a process and its children so far, those that ended included."""
    used = 0.0
    for one in (pid, *children(pid)):
        fields = Path(f"/proc/{one}/stat").read_text().rpartition(")")[2].split()
        used += (int(fields[11]) + int(fields[12])) / TICKS
    return used


def children(pid: int) -> list[int]:
    """The processes that it started and that still run."""
    return [int(one) for one in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def resident(pid: int) -> float:
    """Megabytes in memory, of a process and its children."""
    total = 0.0
    for one in (pid, *children(pid)):
        total += int(Path(f"/proc/{one}/status").read_text().split("VmRSS:")[1].split()[0]) / 1000
    return total
