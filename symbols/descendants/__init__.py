"""What others made of the integral later: losses and gradients of joints, none of them needed at test."""
