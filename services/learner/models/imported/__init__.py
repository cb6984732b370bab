"""Models that were trained elsewhere, read from their own files and converted exactly, or refused with the reason.

Nothing is unpickled, and none of the libraries that wrote the files is needed to read them (scikit-learn's excepted).
"""
