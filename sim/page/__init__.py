"""A page of results that explains itself: one HTML file, nothing loaded from elsewhere."""
