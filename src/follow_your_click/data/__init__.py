"""Training data: rendered clips with exact motion, and the words that describe motions."""
