"""What operators mean: the questions they ask of values, ranges, and time."""
