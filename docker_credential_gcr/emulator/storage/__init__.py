"""The bytes of uploads and blobs over 64 KiB, wherever they are kept."""
