"""Plans: what a fitted estimator computes, without the ceremony, where that was measured."""
