"""Training of VQ-VAEs and priors, on folders of audio with a metadata table."""
