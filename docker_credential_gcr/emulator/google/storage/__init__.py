"""Cloud Storage's JSON API: storage.googleapis.com."""
