"""Drawing codes from the priors: window schedules, decoding steps, logit shaping."""
