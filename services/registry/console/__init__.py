"""The pages: what people look at when they decide."""
