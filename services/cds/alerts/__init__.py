"""How many cards are said, what became of them, and which threshold would fit the budget. It proposes; it gates nothing."""
