"""One file a verb; each flow reads like the sentence that describes it."""
