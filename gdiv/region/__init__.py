"""Many glaciers at once: a plan with its cost, independent runs, one summary."""
