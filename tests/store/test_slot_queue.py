"""Who is next for slots of shared limits: decided without a database."""

from __future__ import annotations

from flowstone.drive.limits.files import Limit
from flowstone.store.slot_queue import ASIDE, PATIENCE, Room, Wanting, decide


def rooms(**limits):
    """Limits as (slots, used)."""
    return {
        name: Room(limit=Limit(name=name, limit=slots), used=used, level=0.0)
        for name, (slots, used) in limits.items()
    }


def wanting(ticket, *names, occupy=1, is_rate=False):
    return Wanting(
        id=bytes([ticket]) * 16,
        process=bytes(16),
        ticket=ticket,
        occupy=occupy,
        is_rate=is_rate,
        length=0,
        patience=PATIENCE,
        idle=dict.fromkeys(names),
    )


def let_in(queue):
    return [one.ticket for one in queue if one.is_let_in]


def test_as_many_are_let_in_as_there_is_room_in_their_order():
    queue = [wanting(number, "db") for number in range(5)]
    decide(rooms(db=(3, 1)), queue, 0)
    assert let_in(queue) == [0, 1]


def test_one_that_wants_more_than_is_free_is_not_overtaken():
    queue = [wanting(1, "db", occupy=2), wanting(2, "db")]
    decide(rooms(db=(3, 2)), queue, 0)
    assert let_in(queue) == []
    decide(rooms(db=(3, 1)), queue, 0)
    assert let_in(queue) == [1]


def test_one_of_several_limits_keeps_a_slot_for_a_second_and_then_lets_others_pass():
    both, other = wanting(1, "db", "gpu"), wanting(2, "db")
    full = {"db": (1, 0), "gpu": (1, 1)}
    decide(rooms(**full), [both, other], 0)
    assert (let_in([both, other]), both.idle) == ([], {"db": 0, "gpu": None})
    decide(rooms(**full), [both, other], PATIENCE)
    assert let_in([both, other]) == []
    decide(rooms(**full), [both, other], PATIENCE + 1)
    assert let_in([both, other]) == [2]
    assert (both.idle["db"], both.patience) == (ASIDE, 2 * PATIENCE)
    third = wanting(3, "db")
    decide(rooms(db=(1, 1), gpu=(1, 0)), [both, third], PATIENCE + 2)
    assert (let_in([both, third]), both.idle["db"]) == ([], None)
    decide(rooms(db=(1, 0), gpu=(1, 0)), [both, third], PATIENCE + 3)
    assert let_in([both, third]) == [1]


def test_one_that_is_behind_in_another_queue_lets_others_pass_at_once():
    queue = [wanting(1, "gpu"), wanting(2, "db", "gpu"), wanting(3, "db")]
    decide(rooms(db=(1, 0), gpu=(1, 1)), queue, 0)
    assert let_in(queue) == [3]


def test_limits_that_are_gone_or_not_in_force_hold_nobody():
    found = rooms(db=(1, 1))
    found["db"].limit = Limit(name="db", limit=1, active=False)
    queue = [wanting(1, "db"), wanting(2, "gone")]
    decide(found, queue, 0)
    assert let_in(queue) == [1, 2]
    assert [one.enforced for one in queue] == [(), ()]


def test_what_can_never_be_had_is_refused_and_holds_up_nobody():
    queue = [wanting(1, "db", occupy=4), wanting(2, "db", is_rate=True), wanting(3, "db")]
    decide(rooms(db=(3, 0)), queue, 0)
    assert let_in(queue) == [3]
    assert "Asked for 4 of the limit 'db', which is 3." in queue[0].error
    assert "is no rate" in queue[1].error
