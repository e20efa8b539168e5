"""The two charts: how the orders share out over the statuses, and how they ended over time."""

from collections.abc import Mapping, Sequence
from typing import Any

from nicegui import ui

from client.views import Bucket, Figures
from models.saga import SagaStatus
from web.dashboard.parts import STATUS_ICONS, Text, box
from web.dashboard.texts import Texts

COLOURS = {
    SagaStatus.STARTED: "#8a94a3",
    SagaStatus.IN_PROGRESS: "#3b6fe0",
    SagaStatus.COMPENSATING: "#d08217",
    SagaStatus.COMPLETED: "#1f9a4c",
    SagaStatus.COMPENSATED: "#8a5cd6",
    SagaStatus.FAILED: "#d0362c",
}
_INK_SOFT, _LINE = "#4e5a69", "#e2e5ea"
_FONT = "Roboto, Noto Sans KR, Apple SD Gothic Neo, Malgun Gothic, NanumGothic, sans-serif"
# In the viewer's zone and language; with the date where the range is longer than a day.
_TICK = "(value) => new Intl.DateTimeFormat(document.documentElement.lang, {format}).format(value)"
_TIME = "{hour: '2-digit', minute: '2-digit', hourCycle: 'h23'}"
_DAY = "{month: 'numeric', day: 'numeric', hour: '2-digit', hourCycle: 'h23', minute: '2-digit'}"
_LINES: Mapping[SagaStatus, str] = {
    SagaStatus.COMPLETED: "solid",
    SagaStatus.COMPENSATED: "dashed",
    SagaStatus.FAILED: "dotted",
}
"""Told apart by their strokes too."""


class Chart:
    """A chart. Its library, larger than all else, is loaded when the page is on the screen."""

    def __init__(self, **attributes: str) -> None:
        self.element = box("div", "chart", **attributes)
        self._options: dict[str, Any] = {"animation": False}
        self._chart: ui.echart | None = None
        self.element.client.on_connect(self._load)

    def show(self, options: dict[str, Any]) -> None:
        """Draw this, now or as soon as it can be drawn."""
        self._options = options
        if self._chart is not None:
            self._chart.options.clear()
            self._chart.options.update(options)

    def _load(self) -> None:
        if self._chart is None:
            with self.element:
                self._chart = ui.echart(self._options, renderer="svg").classes("drawing")


class Shares:
    """A ring of the statuses, with the numbers beside it as text."""

    def __init__(self, words: Texts) -> None:
        self._words = words
        with box("section", "panel", aria_labelledby="shares-title"):
            with box("div", "panel-head"):
                Text("h2", words("figures.shares")).props["id"] = "shares-title"
                Text("span", words("figures.shares_of"), "soft small")
            with box("div", "shares") as self._all:
                self._chart = Chart(aria_hidden="true")
                self._list = box("ul")
            self._nothing = Text("p", words("figures.nothing"), "nothing")
        self._nothing.set_visibility(False)

    def show(self, figures: Figures) -> None:
        """Show how many orders have each status."""
        shares = _shares(figures)
        total = sum(shares.values())
        self._all.set_visibility(total > 0)
        self._nothing.set_visibility(total == 0)
        self._list.clear()
        with self._list:
            for status, count in shares.items():
                if count:
                    self._line(status, count, total)
        self._chart.show(self._options(shares))

    def _line(self, status: SagaStatus, count: int, total: int) -> None:
        with box("li"):
            with box("span", f"status status-{status} plain"):
                ui.icon(STATUS_ICONS[status])
                Text("span", self._words.named("status", status))
            Text("b", f"{count:,}")
            share = 100 * count / total
            Text("span", "<1%" if share < 1 else f"{share:.0f}%", "percent")

    def _options(self, shares: Mapping[SagaStatus, int]) -> dict[str, Any]:
        return {
            "animation": False,
            "title": {
                "text": f"{sum(shares.values()):,}",
                "left": "center",
                "top": "middle",
                "textStyle": {"fontFamily": _FONT, "fontSize": 22, "color": "#18202b"},
            },
            "series": [
                {
                    "type": "pie",
                    "radius": ["68%", "96%"],
                    "label": {"show": False},
                    "silent": True,
                    "itemStyle": {"borderColor": "#fff", "borderWidth": 2},
                    "data": [
                        {
                            "value": count,
                            "name": self._words.named("status", status),
                            "itemStyle": {"color": COLOURS[status]},
                        }
                        for status, count in shares.items()
                        if count
                    ],
                }
            ],
        }


class Course:
    """Lines of the orders that completed, were undone and failed over time."""

    def __init__(self, words: Texts) -> None:
        self._words = words
        with box("section", "panel", aria_labelledby="course-title"):
            with box("div", "panel-head"):
                Text("h2", words("figures.course")).props["id"] = "course-title"
                Text("span", words("figures.course_of"), "soft small")
            self._chart = Chart(role="img")
            self._nothing = Text("p", words("figures.nothing"), "nothing")
        self._nothing.set_visibility(False)

    def show(self, figures: Figures) -> None:
        """Show the buckets of the range."""
        self._chart.element.set_visibility(figures.total > 0)
        self._nothing.set_visibility(figures.total == 0)
        counts = ((status, getattr(figures, status.lower())) for status in _LINES)
        self._chart.element.props["aria-label"] = ", ".join(
            f"{self._words.named('status', status)}: {count}" for status, count in counts
        )
        self._chart.show(self._options(figures))

    def _options(self, figures: Figures) -> dict[str, Any]:
        text = {"fontFamily": _FONT, "fontSize": 12, "color": _INK_SOFT}
        long = figures.range.length.days > 1
        tick = _TICK.replace("{format}", _DAY if long else _TIME)
        return {
            "animation": False,
            "textStyle": {"fontFamily": _FONT},
            "grid": {"left": 8, "right": 18, "top": 34, "bottom": 4, "containLabel": True},
            "legend": {"right": 0, "top": 0, "itemWidth": 28, "textStyle": text},
            "tooltip": {"trigger": "axis", "confine": True, "textStyle": {"fontFamily": _FONT}},
            "xAxis": {
                "type": "time",
                "axisLabel": {**text, ":formatter": tick, "hideOverlap": True},
                "axisLine": {"lineStyle": {"color": _LINE}},
                "axisTick": {"show": False},
                "splitLine": {"show": False},
            },
            "yAxis": {
                "type": "value",
                "minInterval": 1,
                "axisLabel": text,
                "splitLine": {"lineStyle": {"color": _LINE}},
            },
            "series": [
                *(self._line(status, stroke, figures) for status, stroke in _LINES.items()),
                self._so_far(figures),
            ],
        }

    def _so_far(self, figures: Figures) -> dict[str, Any]:
        """A shade under the last interval: it is under way, so the lines may yet rise there."""
        starts = [bucket.start.isoformat() for bucket in shown_buckets(figures)[-2:]]
        label = {"position": "insideTopRight", "color": _INK_SOFT, "fontFamily": _FONT}
        area = [{"name": self._words("figures.so_far"), "xAxis": starts[0]}, {"xAxis": starts[-1]}]
        return {
            "type": "line",
            "symbol": "none",
            "data": [],
            "markArea": {
                "silent": True,
                "itemStyle": {"color": _INK_SOFT, "opacity": 0.08},
                "label": label,
                "data": [area],
            },
        }

    def _line(self, status: SagaStatus, stroke: str, figures: Figures) -> dict[str, Any]:
        colour = COLOURS[status]
        return {
            "type": "line",
            "name": self._words.named("status", status),
            "symbol": "none",
            "color": colour,
            "lineStyle": {"width": 2, "type": stroke},
            "areaStyle": {"opacity": 0.08 if stroke == "solid" else 0},
            "data": [
                [bucket.start.isoformat(), getattr(bucket, status.lower())]
                for bucket in shown_buckets(figures)
            ],
        }


def shown_buckets(figures: Figures) -> Sequence[Bucket]:
    """Without the first one, which the range cuts off: the lines would seem to rise from there.

    With it where nothing has happened since.
    """
    since = figures.buckets[1:]
    happened = any(bucket.completed or bucket.compensated or bucket.failed for bucket in since)
    return since if happened else figures.buckets


def _shares(figures: Figures) -> dict[SagaStatus, int]:
    """By status: those under way now, then those that ended in the range."""
    under_way = (SagaStatus.STARTED, SagaStatus.IN_PROGRESS, SagaStatus.COMPENSATING)
    return {
        **{status: figures.open_by_status.get(status, 0) for status in under_way},
        SagaStatus.COMPLETED: figures.completed,
        SagaStatus.COMPENSATED: figures.compensated,
        SagaStatus.FAILED: figures.failed,
    }
