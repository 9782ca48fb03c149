"""The benchmark: pairs with exactly known displacement, real pairs, scores and their intervals."""
