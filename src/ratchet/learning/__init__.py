"""Getting better: advantages, the PPO loss, anchors and the trainer."""
