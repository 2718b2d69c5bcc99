"""The chart on the market screen: its candles come, its interval follows a key and the mouse."""

from tests.tui.test_app import LARGE, Stand, play


def test_the_interval_follows_a_key_and_a_click() -> None:
    async def scene(s: Stand) -> None:
        assert "1m · VWAP 0.0" in s.text("chart")
        assert "no trades" not in s.text("chart")
        await s.press("i")
        assert "5m · VWAP" in s.text("chart")
        await s.pilot.click("#pane-chart", offset=(5, 4))
        await s.settle()
        assert "1h · VWAP" in s.text("chart")
        assert "┃" in s.text("chart")
        assert "█" in s.text("chart")

    play(LARGE, scene)


def test_a_screen_of_120_columns_shows_the_chart_and_the_chosen_pane() -> None:
    async def scene(s: Stand) -> None:
        await s.press("4")
        assert "CHART" in s.text("chart")
        market = s.app.market
        assert market is not None
        shown = {pane for pane, view in market.views.items() if view.display}
        assert {"chart", "tape", "orders", "ladder"} <= shown
        assert "depth" not in shown
        assert market.views["orders"].region.x > market.views["ladder"].region.x

    play((120, 35), scene)
