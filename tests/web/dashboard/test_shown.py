"""What the pages make of their address and of the figures, without a browser."""

import pytest

from client.views import OrderFilter
from models.saga import SagaStatus
from web.dashboard.order_list import filter_in


@pytest.mark.parametrize("name", ["order_id", "customer_id", "step"])
@pytest.mark.parametrize("value", ["a\0b", "\x00", "a\u2028b", "x" * 101])
def test_address_that_no_query_can_hold_filters_nothing(name: str, value: str) -> None:
    query = {name: value, "status": "COMPLETED"}
    assert filter_in(query) == OrderFilter(status=SagaStatus.COMPLETED)
