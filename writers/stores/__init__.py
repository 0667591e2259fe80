"""Where the files of a large run go: a local folder or an object store, behind one small interface."""
