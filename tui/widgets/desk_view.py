"""The container that puts each pane where `tui.view.layout` says."""

from textual.containers import Container
from textual.geometry import NULL_OFFSET, Region, Size, Spacing
from textual.layout import ArrangeResult, Layout, WidgetPlacement
from textual.widget import Widget

from tui.view.layout import SIDE_PANES, Box, Pane, arrange
from tui.widgets.pane import PaneView

NO_MARGIN = Spacing()


class PaneLayout(Layout):
    """Places `PaneView`s by their boxes. When compact only one of the side panes is displayed."""

    name = "panes"

    def arrange(
        self, parent: Widget, children: list[Widget], size: Size, greedy: bool = True
    ) -> ArrangeResult:
        panes = [child for child in children if isinstance(child, PaneView)]
        boxes = _boxes(size.width, size.height, {child.pane for child in panes})
        return [
            WidgetPlacement(Region(*boxes[child.pane]), NULL_OFFSET, NO_MARGIN, child)
            for child in panes
            if child.pane in boxes
        ]


def _boxes(width: int, height: int, shown: set[Pane]) -> dict[Pane, Box]:
    """Return the arrangement that shows just the panes of ``shown``, else the usual one."""
    windows = "windows" in shown
    every = [arrange(width, height, side, windows) for side in SIDE_PANES]
    return next((boxes for boxes in every if set(boxes) == shown), every[0])


class DeskView(Container):
    """All panes; which are displayed is the screen's business."""

    BLANK = True

    def __init__(self, *panes: PaneView) -> None:
        super().__init__(*panes, id="desk")
        self._panes = PaneLayout()

    @property
    def layout(self) -> Layout:
        """Styles can only name Textual's own layouts, so this container answers for itself."""
        return self._panes
