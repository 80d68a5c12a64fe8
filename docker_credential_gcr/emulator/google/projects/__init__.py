"""Projects and their enabled APIs: cloudresourcemanager.googleapis.com and serviceusage.googleapis.com."""
