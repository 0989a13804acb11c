"""Parts of `datasets.custom`: the images, joints, people and split of a keypoint file."""
