"""Every screen as cells, at every size: kept as text, compared with what is drawn today."""
