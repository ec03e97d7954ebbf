"""What is lost in ten minutes of mixed load, swaps, killed workers and a full disk?"""
