"""What is read of the database for lists, pages and pictures: one module a kind of question."""
