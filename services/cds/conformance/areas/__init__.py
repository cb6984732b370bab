"""The checks, one file for each area. To add one: write a generator of faults and put `@check(item)` above it."""
