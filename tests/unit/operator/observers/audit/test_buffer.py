"""The buffer of pending events: ordered and bounded; an event stays until it is removed."""

from notification_operator.observers.audit.writer import Buffer


def take(buffer: Buffer, count: int, *, max_bytes: int) -> list[bytes]:
    batch = buffer.first(count, max_bytes=max_bytes)
    buffer.remove(len(batch))
    return batch


def test_buffer_is_first_in_first_out() -> None:
    buffer = Buffer(10)
    assert all(buffer.put("shop", event) for event in (b"1", b"2", b"3"))
    assert take(buffer, 2, max_bytes=100) == [b"1", b"2"]
    assert take(buffer, 2, max_bytes=100) == [b"3"]
    assert take(buffer, 2, max_bytes=100) == []


def test_batch_stays_in_front_until_it_is_removed() -> None:
    buffer = Buffer(10)
    assert all(buffer.put("shop", event) for event in (b"1", b"2"))
    assert buffer.first(1, max_bytes=100) == buffer.first(1, max_bytes=100) == [b"1"]
    assert len(buffer) == 2


def test_buffer_is_bounded_in_events_and_bytes() -> None:
    by_number, by_size = Buffer(2), Buffer(100, max_bytes=10)
    assert [by_number.put("shop", b"x") for _ in range(3)] == [True, True, False]
    assert [by_size.put("shop", b"x" * 4) for _ in range(3)] == [True, True, False]


def test_removal_frees_capacity() -> None:
    buffer = Buffer(100, max_bytes=10)
    buffer.put("shop", b"x" * 10)
    assert not buffer.put("shop", b"x")
    buffer.remove(1)
    assert buffer.put("shop", b"x" * 10)


def test_batch_is_bounded_in_bytes_except_for_one_large_event() -> None:
    buffer = Buffer(10)
    for event in (b"xx", b"xx", b"xx", b"x" * 9):
        buffer.put("shop", event)
    assert [take(buffer, 10, max_bytes=5) for _ in range(3)] == [[b"xx", b"xx"], [b"xx"], [b"x" * 9]]
    assert len(buffer) == 0


def test_largest_namespace_gives_way_with_its_newest_events() -> None:
    buffer = Buffer(100, max_bytes=12)
    for event in (b"1111", b"2222", b"3333"):
        buffer.put("flood", event)
    assert buffer.make_room("shop", b"44444") == 2
    assert buffer.put("shop", b"44444")
    assert buffer.make_room("shop", b"5555") == 0
    assert take(buffer, 5, max_bytes=100) == [b"1111", b"44444"]


def test_event_that_is_being_sent_does_not_give_way() -> None:
    buffer = Buffer(2)
    for event in (b"1111", b"2222"):
        buffer.put("flood", event)
    batch = buffer.first(2, max_bytes=100)
    assert buffer.make_room("shop", b"3") == 0
    assert buffer.first(2, max_bytes=100) == batch
