"""The synthetic twin: a glacier of the catalog rendered as scenes whose motion is known exactly."""
