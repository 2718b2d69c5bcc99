"""Pure folds: frames from the exchange go in, coloured rows of text come out. Knows no Textual."""
