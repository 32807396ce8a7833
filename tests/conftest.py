"""What holds for every test."""

import hypothesis

# A deadline for each example would assert wall-clock time, which a busy machine fails.
hypothesis.settings.register_profile("emailopens", deadline=None)
hypothesis.settings.load_profile("emailopens")
