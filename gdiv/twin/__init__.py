"""The synthetic twin: a glacier of the catalog rendered as scenes with exactly known motion."""
