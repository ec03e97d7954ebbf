"""What does one prediction cost over HTTP, here and on the servers that people use?"""
