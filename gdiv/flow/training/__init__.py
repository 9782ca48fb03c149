"""Training of RAFT: samples, drawn pairs, losses and the training loop."""
