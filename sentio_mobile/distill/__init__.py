"""Knowledge distillation: training a student that fits a phone from a teacher's predictions, features and attention."""
