"""Common forms of Google's REST APIs: routes, bodies, pages, field masks, policies, errors."""
