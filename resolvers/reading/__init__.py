"""Reading lists: paging, row selection, search, and criteria given as a query argument."""
