"""What a reader may know of a guidance: source attributes, risks and their controls, cards and citations; pure."""
