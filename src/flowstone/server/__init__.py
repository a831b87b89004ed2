"""The server: an API over the store (`app`, `routes`), the page, and what it does by itself."""
