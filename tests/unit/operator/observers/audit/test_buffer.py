"""The events that wait: in order, and never more than there is room for."""

from notification_operator.observers.audit.buffer import Buffer


def test_events_come_out_in_the_order_in_which_they_went_in() -> None:
    buffer = Buffer(10)
    assert all(buffer.put(event) for event in (b"1", b"2", b"3"))
    assert buffer.take(2, max_bytes=100) == [b"1", b"2"]
    assert buffer.take(2, max_bytes=100) == [b"3"]
    assert buffer.take(2, max_bytes=100) == []


def test_there_is_room_for_so_many_events_and_so_many_bytes() -> None:
    by_number, by_size = Buffer(2), Buffer(100, max_bytes=10)
    assert [by_number.put(b"x") for _ in range(3)] == [True, True, False]
    assert [by_size.put(b"x" * 4) for _ in range(3)] == [True, True, False]


def test_taking_out_makes_room_again() -> None:
    buffer = Buffer(100, max_bytes=10)
    buffer.put(b"x" * 10)
    assert not buffer.put(b"x")
    buffer.take(1, max_bytes=100)
    assert buffer.put(b"x" * 10)


def test_a_batch_stays_within_its_bytes_unless_one_event_alone_does_not() -> None:
    buffer = Buffer(10)
    for event in (b"xx", b"xx", b"xx", b"x" * 9):
        buffer.put(event)
    assert [buffer.take(10, max_bytes=5) for _ in range(3)] == [[b"xx", b"xx"], [b"xx"], [b"x" * 9]]
    assert len(buffer) == 0
