"""Equal values that are one object: a pool remembers exactly as many as it says."""

import pytest

from notification_operator.domain.sharing import SHARED, Pool


@pytest.mark.parametrize(("others", "shared"), [(SHARED - 1, True), (SHARED, False)])
def test_pool_remembers_the_values_used_most_recently(others: int, *, shared: bool) -> None:
    pool = Pool()
    first, equal = (tuple(map(str, range(2))) for _ in range(2))
    pool.share(first)
    for number in range(others):
        pool.share((number,))
    assert (pool.share(equal) is first) is shared
