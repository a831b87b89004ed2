"""What goes on in this process's flow runs, at the bottom of the terminal while they run."""
