"""What is said to a server and made of its answer: one kind a file, none with a socket."""
