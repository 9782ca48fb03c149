"""Multi-level Horn-Schunck optical flow."""
