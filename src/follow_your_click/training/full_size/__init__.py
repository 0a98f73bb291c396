"""Training at the paper's size, on one GPU or on many: accelerate's launchers and config files decide which."""
