"""A run of the study: its facts, results and claims, and the execution of its notebooks."""
