"""The figures of `/metrics` as OpenTelemetry has them (its "Prometheus compatibility": names without `_total`)."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Iterator
from typing import Any

from opentelemetry.sdk.metrics.export import (
    AggregationTemporality,
    Gauge,
    Histogram,
    HistogramDataPoint,
    Metric,
    NumberDataPoint,
    Sum,
)
from prometheus_client.metrics_core import Metric as Family
from prometheus_client.samples import Sample

from authserver.lib import clock
from authserver.observability import figures

_BEGAN = clock.now_us() * 1000
_CUMULATIVE = AggregationTemporality.CUMULATIVE


def collected() -> list[Metric]:
    """What all processes of this machine counted since this one began."""
    now = clock.now_us() * 1000
    return [Metric(family.name, family.documentation, "", _data(family, now)) for family in figures.families()]


def _data(family: Family, now: int) -> Sum | Gauge | Histogram:
    if family.type == "histogram":
        return Histogram([_histogram(labels, samples, now) for labels, samples in _by_labels(family)], _CUMULATIVE)
    points = [
        NumberDataPoint(each.labels, _BEGAN, now, each.value)
        for each in family.samples
        if not each.name.endswith("_created")
    ]
    return Sum(points, _CUMULATIVE, is_monotonic=True) if family.type == "counter" else Gauge(points)


def _by_labels(family: Family) -> Iterator[tuple[dict[str, str], list[Sample]]]:
    """The samples of each histogram of a family; `le` tells those of one apart."""

    def series(sample: Sample) -> list[tuple[str, str]]:
        return sorted((name, value) for name, value in sample.labels.items() if name != "le")

    for labels, samples in itertools.groupby(sorted(family.samples, key=series), key=series):
        yield dict(labels), list(samples)


def _histogram(labels: dict[str, str], samples: Iterable[Sample], now: int) -> HistogramDataPoint:
    """Prometheus counts everything up to a bound, OpenTelemetry what is between two."""
    samples = list(samples)
    up_to = sorted((float(each.labels["le"]), int(each.value)) for each in samples if each.name.endswith("_bucket"))
    counts = [count for _, count in up_to]
    between = [count - before for count, before in zip(counts, [0, *counts], strict=False)]
    bounds = [bound for bound, _ in up_to if not math.isinf(bound)]
    unknown: Any = None  # the least and the greatest value, which the protocol lets out
    total = sum(each.value for each in samples if each.name.endswith("_sum"))
    return HistogramDataPoint(labels, _BEGAN, now, counts[-1], total, between, bounds, unknown, unknown)
