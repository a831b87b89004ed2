"""What travels between the server and its clients: one module a noun, frozen structs, JSON."""
