"""What `datasets.custom` does with a file of keypoints: its pictures, its joints, its people and their split."""
