"""The benchmark: pairs of exactly known displacement, real pairs, scores and their intervals."""
