"""What the page, the API and the files about one incident say of it, in the reader's language."""
