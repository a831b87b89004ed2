"""Where submitted runs run, and what stands for them meanwhile."""
