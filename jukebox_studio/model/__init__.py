"""The network: VQ-VAE, priors and upsamplers, and the labels they are told."""
