"""A live exchange's journal as a recording: taken, replayed, and replayed without somebody."""
