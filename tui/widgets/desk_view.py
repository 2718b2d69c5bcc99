"""The container that puts each pane where `tui.view.layout` says."""

from textual.containers import Container
from textual.geometry import NULL_OFFSET, Region, Size, Spacing
from textual.layout import ArrangeResult, Layout, WidgetPlacement
from textual.widget import Widget

from tui.view.layout import Box, Pane, arrange
from tui.widgets.pane import PaneView

NO_MARGIN = Spacing()


class PaneLayout(Layout):
    """Places `PaneView`s by the boxes of the desk; a pane without a box is not shown."""

    name = "panes"

    def arrange(
        self, parent: Widget, children: list[Widget], size: Size, greedy: bool = True
    ) -> ArrangeResult:
        assert isinstance(parent, DeskView), "only a DeskView uses this layout"
        boxes = parent.boxes(size)
        return [
            WidgetPlacement(Region(*boxes[child.pane]), NULL_OFFSET, NO_MARGIN, child)
            for child in children
            if isinstance(child, PaneView) and child.pane in boxes
        ]


class DeskView(Container):
    """All panes. ``side`` is the pane beside the ladder when the screen is compact."""

    def __init__(self, *panes: PaneView) -> None:
        super().__init__(*panes, id="desk")
        self.side: Pane = "tape"

        self._panes = PaneLayout()

    @property
    def layout(self) -> Layout:
        """Styles can only name Textual's own layouts, so this container answers for itself."""
        return self._panes

    def boxes(self, size: Size) -> dict[Pane, Box]:
        """Return where each shown pane stands in ``size``."""
        return arrange(size.width, size.height, self.side)

    def show_side(self, side: Pane) -> None:
        """Change the pane beside the ladder."""
        if side != self.side:
            self.side = side
            self.refresh(layout=True)
