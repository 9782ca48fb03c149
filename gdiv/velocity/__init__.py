"""Velocity from displacement: mosaics, errors, time series, validation and products."""
