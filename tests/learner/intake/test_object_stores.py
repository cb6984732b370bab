"""Sources in object stores: the same store as from files.

The server here speaks only as much of S3 as reading takes (HEAD, GET with ranges, ListObjectsV2) and checks no signature:
what is shown is that pyarrow's client and the reading fit together, not that Amazon's service does.
"""

from __future__ import annotations

import gzip
import json
import tarfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from xml.sax.saxutils import escape

import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from services.guidance.errors import Unavailable
from services.learner.intake.ingest import ingest
from services.timeline.errors import BadInput
from tests.cds.serving import free_port
from tests.learner.intake.people import people


class Shelf:
    """A folder, spoken for as S3 does."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.ranges: list[str] = []

    def app(self) -> Starlette:
        """Two questions: what is there, and give it to me."""
        return Starlette(
            routes=[
                Route("/{bucket}", self._list),
                Route("/{bucket}/", self._list),
                Route("/{bucket}/{key:path}", self._object),
            ]
        )

    async def _list(self, request: Request) -> Response:
        """ListObjectsV2, two keys a page, so that paging is shown too."""
        prefix = request.query_params.get("prefix", "")
        root = self.folder / request.path_params["bucket"]
        keys = sorted(
            path.relative_to(root).as_posix()
            for path in root.rglob("*")
            if path.is_file() and path.relative_to(root).as_posix().startswith(prefix)
        )
        begin = int(request.query_params.get("continuation-token", "0"))
        shown, more = keys[begin : begin + 2], begin + 2 < len(keys)
        contents = "".join(
            f"<Contents><Key>{escape(key)}</Key><Size>{(root / key).stat().st_size}</Size>"
            "<LastModified>2026-01-01T00:00:00.000Z</LastModified><ETag>&quot;x&quot;</ETag></Contents>"
            for key in shown
        )
        token = f"<NextContinuationToken>{begin + 2}</NextContinuationToken>" if more else ""
        xml = (
            '<?xml version="1.0" encoding="UTF-8"?><ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">'
            f"<Name>b</Name><Prefix>{escape(prefix)}</Prefix><KeyCount>{len(shown)}</KeyCount><MaxKeys>2</MaxKeys>"
            f"<IsTruncated>{str(more).lower()}</IsTruncated>{token}{contents}</ListBucketResult>"
        )
        return Response(xml, media_type="application/xml")

    async def _object(self, request: Request) -> Response:
        path = self.folder / request.path_params["bucket"] / request.path_params["key"]
        if not path.is_file():
            return Response(status_code=404)
        data, headers = path.read_bytes(), {"ETag": '"x"', "Last-Modified": "Thu, 01 Jan 2026 00:00:00 GMT"}
        if request.method == "HEAD":
            return Response(headers=headers | {"Content-Length": str(len(data))})
        if not (wanted := request.headers.get("range", "")):
            return Response(data, headers=headers)
        self.ranges.append(wanted)
        first, _, last = wanted.removeprefix("bytes=").partition("-")
        part = data[int(first) : int(last) + 1 if last else None]
        headers["Content-Range"] = f"bytes {first}-{int(first) + len(part) - 1}/{len(data)}"
        return Response(part, status_code=206, headers=headers)


@pytest.fixture
def shelf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The address of a bucket with an export in it, in three forms."""
    lines = [json.dumps(one).encode() + b"\n" for one in people()]
    export = tmp_path / "buckets/hospital/export"
    export.mkdir(parents=True)
    (export / "one.ndjson").write_bytes(b"".join(lines[:60]))
    (export / "two.ndjson.gz").write_bytes(gzip.compress(b"".join(lines[60:120])))
    (tmp_path / "three.ndjson").write_bytes(b"".join(lines[120:]))
    with tarfile.open(export / "three.tar.xz", "w:xz") as archive:
        archive.add(tmp_path / "three.ndjson", "three.ndjson")
    (export / ".hidden.ndjson").write_text("no")
    server = uvicorn.Server(
        uvicorn.Config(
            Shelf(tmp_path / "buckets").app(),
            host="127.0.0.1",
            port=(port := free_port()),
            log_config=None,
            lifespan="off",
        )
    )
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "nobody")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "nothing")
    yield f"s3://hospital/export?scheme=http&endpoint_override=127.0.0.1:{port}&region=eu-central-1"
    server.should_exit = server.force_exit = True
    thread.join(10)


def test_a_bucket_gives_the_store_that_the_folder_gives(tmp_path: Path, shelf: str) -> None:
    """Plain, packed and tarred, over pages of a list; also by file://."""
    export = tmp_path / "buckets/hospital/export"
    files = ingest(export, tmp_path / "files", quality=False)
    assert (files.resources, files.complete) == ({"Observation": 200, "Patient": 7}, True)
    bucket = ingest(shelf, tmp_path / "bucket", quality=False)
    assert (bucket.digest, bucket.bytes, bucket.files) == (files.digest, files.bytes, files.files)
    assert ingest(f"file://{export}", tmp_path / "third", quality=False).digest == files.digest
    one = ingest(shelf.replace("export?", "export/one.ndjson?"), tmp_path / "one", quality=False)
    assert one.resources["Patient"] == 7


def test_what_is_not_there_or_cannot_be_had_is_told_without_the_key(tmp_path: Path, shelf: str) -> None:
    """A folder without files, a key in the address, an address that is none."""
    with pytest.raises(BadInput, match="s3://hospital/nothing: no such file or folder"):
        ingest(shelf.replace("export?", "nothing?"), tmp_path / "store")
    with pytest.raises(BadInput, match="must not hold a key") as told:
        ingest("s3://ME:HUSH@hospital/export", tmp_path / "store")
    assert "HUSH" not in str(told.value)
    with pytest.raises(BadInput, match="no bucket is named"):
        ingest("s3://", tmp_path / "store")


@pytest.mark.nightly
def test_a_store_that_is_away_is_told_of(tmp_path: Path) -> None:
    """Pyarrow's client tries for a while before it says so."""
    away = f"s3://hospital/export?scheme=http&endpoint_override=127.0.0.1:{free_port()}&region=x"
    with pytest.raises(Unavailable, match="does not answer"):
        ingest(away, tmp_path / "store")
