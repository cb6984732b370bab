"""Every worker process has a name of its own at the registry, and a restarted one has that of its predecessor."""

from __future__ import annotations

from pathlib import Path

from services.cds.governed.worker_name import worker_name


def test_two_workers_of_a_service_have_two_names(tmp_path: Path) -> None:
    """While both live; a third that starts after one ended takes that one's."""
    with worker_name(tmp_path / "cds", "ward") as first, worker_name(tmp_path / "cds", "ward") as second:
        assert first != second
    with worker_name(tmp_path / "cds", "ward") as third:
        assert third == first
        assert third.startswith("ward-")


def test_two_services_of_one_name_are_told_apart(tmp_path: Path) -> None:
    """Their folders differ."""
    with worker_name(tmp_path / "a", "cds") as one, worker_name(tmp_path / "b", "cds") as other:
        assert one != other


def test_without_a_folder_the_process_id_is_the_name(tmp_path: Path) -> None:
    """A disk that cannot be written must not keep a service from answering."""
    (tmp_path / "cds").write_text("a file where the folder should be")
    with worker_name(tmp_path / "cds", "cds") as name:
        assert name.startswith("cds-")
