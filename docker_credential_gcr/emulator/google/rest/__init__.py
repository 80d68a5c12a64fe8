"""Google's REST APIs, common forms: routes, bodies, pages, field masks, errors."""
