"""Training of RAFT: samples, drawn pairs, losses and the loop."""
