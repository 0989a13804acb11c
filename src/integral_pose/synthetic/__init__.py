"""Synthetic people: 3D bodies posed by activity, seen by a camera, written to disk as the real data sets are."""
