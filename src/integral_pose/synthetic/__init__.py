"""Synthetic people: 3D bodies posed by activity, seen by a camera, written to disk in the real data sets' formats."""
