"""From advice to CDS Hooks cards, and the last look before they leave."""
