"""The container that puts each pane where `tui.view.layout` says."""

from textual.containers import Container
from textual.geometry import NULL_OFFSET, Region, Size, Spacing
from textual.layout import ArrangeResult, Layout, WidgetPlacement
from textual.widget import Widget

from tui.view.layout import SIDE_PANES, arrange
from tui.widgets.pane import PaneView

NO_MARGIN = Spacing()


class PaneLayout(Layout):
    """Places `PaneView`s by their boxes. When compact only one of the side panes is displayed."""

    name = "panes"

    def arrange(
        self, parent: Widget, children: list[Widget], size: Size, greedy: bool = True
    ) -> ArrangeResult:
        panes = [child for child in children if isinstance(child, PaneView)]
        beside = [child.pane for child in panes if child.pane in SIDE_PANES]
        boxes = arrange(size.width, size.height, beside[0] if beside else "tape")
        return [
            WidgetPlacement(Region(*boxes[child.pane]), NULL_OFFSET, NO_MARGIN, child)
            for child in panes
            if child.pane in boxes
        ]


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
