"""Blob storage: the bytes of uploads and blobs over 64 KiB."""
