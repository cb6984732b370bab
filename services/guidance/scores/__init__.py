"""Published scores and plain arithmetic by name: one file per score, its numbers as data, its source beside them."""
