"""What anyone may know of a guidance: source attributes, risks, model card; computed anew each time, edits remembered."""
