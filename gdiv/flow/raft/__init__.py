"""RAFT: the network, its parts and its weights."""
