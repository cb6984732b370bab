"""What comes from outside, checked to the byte before anything is kept: releases and evidence packs.

A bundle that does not verify, whose guidance has faults or that does not open is the caller's fault, with its place.
"""

from __future__ import annotations

from services.guidance.check import check_files
from services.guidance.errors import BadGuidance, BadRelease
from services.guidance.ready import open_release
from services.guidance.release import EvidencePack, ReleaseBundle, unpack, unpack_evidence
from services.registry.decisions.gates import read_evaluation, read_silent, read_trial_report
from services.timeline.errors import BadInput


def read_release(data: bytes) -> ReleaseBundle:
    """A packed release from outside: verified, its guidance checked, and opened once to be sure that it can speak."""
    try:
        bundle = unpack(data)
        if faults := check_files(bundle.files):
            raise BadGuidance(faults)
        open_release(bundle)
    except BadRelease as fault:
        raise BadInput(fault.message, place=f"release: {fault.place}", remedy=fault.remedy) from fault
    return bundle


def read_evidence(data: bytes) -> EvidencePack:
    """A packed evidence pack from outside: verified, and its report read."""
    try:
        found = unpack_evidence(data)
    except BadRelease as fault:
        raise BadInput(fault.message, place=f"evidence: {fault.place}", remedy=fault.remedy) from fault
    if found.evidence == "training":
        read_evaluation(found)
    elif found.evidence == "silent":
        read_silent(found)
    elif found.evidence == "trial":
        read_trial_report(found)
    return found
