"""What APIs ask of sign-ins, taken together (RFC 9470)."""

from __future__ import annotations

from unittest import mock

import pytest

from authserver.domain.access import resources, step_up
from authserver.domain.access.step_up import Demand
from authserver.errors import Invalid
from authserver.lib import acr

A, B = "https://a.example", "https://b.example"
EVERY_CLASS = mock.patch.object(acr, "REACHABLE", acr.ORDER)


@pytest.mark.parametrize(
    ("demand", "auth_time", "reached", "met"),
    [
        (Demand(), None, "", True),
        (Demand(max_age=60), 940, "aal1", True),
        (Demand(max_age=60), 939, "aal1", False),
        (Demand(max_age=60), None, "", False),
        (Demand(acr_values=("aal2",)), 1, "aal2", True),
        (Demand(acr_values=("aal2",)), 1, "phr", True),
        (Demand(acr_values=("aal2",)), 1, "aal1", False),
        (Demand(acr_values=("phr", "aal1")), 1, "aal1", True),
        (Demand(max_age=60, acr_values=("aal2",)), 990, "aal1", False),
        (Demand(max_age=60, acr_values=("aal2",)), 1, "aal2", False),
    ],
)
def test_a_demand_is_met_by_age_and_class(demand: Demand, auth_time: int | None, reached: str, met: bool) -> None:
    assert demand.is_met(auth_time, reached, 1000) is met


@pytest.mark.parametrize("reached", ["", "nonsense"])
def test_what_is_no_class_meets_none(reached: str) -> None:
    assert not Demand(acr_values=("aal1",)).is_met(1, reached, 1)


def test_several_apis_ask_for_the_strictest_of_each(app: object) -> None:
    with EVERY_CLASS:
        resources.create(A, "A", max_age=600, acr_values="phr aal2")
        resources.create(B, "B", max_age=300, acr_values="aal1")
    assert step_up.demanded([A, B, "https://unknown.example"]) == Demand(300, ("phr", "aal2"))
    assert step_up.demanded([]) == Demand()


def test_a_demand_says_its_parameters(app: object) -> None:
    assert Demand(300, ("phr", "aal2")).parameters == {"acr_values": "phr aal2", "max_age": "300"}
    assert Demand().parameters == {}


@pytest.mark.parametrize(
    ("wish", "field"),
    [
        ({"max_age": 59}, "max_age"),
        ({"max_age": 2_592_001}, "max_age"),
        ({"acr_values": "silver"}, "acr_values"),
        ({"acr_values": "phr"}, "acr_values"),  # nobody could reach it
        ({"open_rate_limit": "often"}, "open_rate_limit"),
        ({"open_rate_limit": "0/hour"}, "open_rate_limit"),
    ],
)
def test_what_nobody_could_meet_is_refused(app: object, wish: dict[str, object], field: str) -> None:
    with pytest.raises(Invalid) as refused:
        resources.create(A, "A", **wish)  # type: ignore[arg-type]
    assert field in refused.value.problems
