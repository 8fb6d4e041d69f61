"""The conditional GAN of log-mels: training, sampling, evaluation, and turning samples into sound."""
