"""Displacement between two images: matchers, Horn-Schunck, RAFT and its training."""
