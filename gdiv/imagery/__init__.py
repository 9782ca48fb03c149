"""Find, judge, load, pair and register satellite scenes."""
