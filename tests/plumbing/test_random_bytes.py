"""Random bytes: nobody gets another's, whatever asks for them."""

from __future__ import annotations

import os
import uuid
from concurrent.futures import ThreadPoolExecutor

from services.plumbing.random_bytes import random_uuid, sixteen_bytes


def test_nobody_gets_what_another_got_in_whatever_thread() -> None:
    """More than are drawn at once, by several threads."""
    with ThreadPoolExecutor(4) as pool:
        drawn = [one for some in pool.map(lambda _: [sixteen_bytes() for _ in range(500)], range(8)) for one in some]
    assert len(set(drawn)) == len(drawn) == 4000
    assert {len(one) for one in drawn} == {16}


def test_a_forked_process_draws_its_own() -> None:
    """What its parent had in store is not said twice."""
    sixteen_bytes()
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(writing, b"".join(sixteen_bytes() for _ in range(200)))
        os._exit(0)
    os.waitpid(child, 0)
    told = os.read(reading, 16 * 200)
    os.close(reading)
    os.close(writing)
    theirs = {told[at : at + 16] for at in range(0, len(told), 16)}
    assert len(theirs) == 200
    assert theirs.isdisjoint(sixteen_bytes() for _ in range(255))


def test_a_random_uuid_is_one_of_version_4_as_it_is_written() -> None:
    """RFC 9562: version and variant, and every other digit is random."""
    made = [random_uuid() for _ in range(2000)]
    for one in made:
        read = uuid.UUID(one)
        assert (str(read), read.version, read.variant) == (one, 4, uuid.RFC_4122)
    free = [place for place in range(36) if place not in (8, 13, 14, 18, 23)]
    for place in free:
        assert len({one[place] for one in made}) == (4 if place == 19 else 16)
