"""Models as data: scorecards and forests, how they compute, explain and are stored."""
