"""Copying: the images of Container Registry's buckets, by folder or at their first pull."""
