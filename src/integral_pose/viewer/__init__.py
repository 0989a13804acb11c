"""The page with 3D poses that can be turned: one file, which asks for nothing else."""
