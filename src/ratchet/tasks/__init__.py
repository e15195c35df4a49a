"""What is played: tasks, their modes, and the vector environments they make."""
