"""How large a page of a listing is, whatever clients wrote into its entries: less than a manifest may be."""

PAGE_SIZE = 4 * 1024 * 1024 - 4096
