package io.tandem.scheduler.finetune;

/** Course of the learning rate over the optimizer steps of a job. */
public enum LearningRateSchedule {
    CONSTANT {
        @Override
        double decay(double progress) {
            return 1;
        }
    },
    LINEAR {
        @Override
        double decay(double progress) {
            return 1 - progress;
        }
    },
    COSINE {
        @Override
        double decay(double progress) {
            return 0.5 * (1 + Math.cos(Math.PI * progress));
        }
    };

    abstract double decay(double progress);

    /**
     * The factor on the highest learning rate.
     *
     * @param step from 0
     * @param warmupSteps with a linear rise
     * @param totalSteps of the job
     */
    public double factor(int step, int warmupSteps, int totalSteps) {
        if (step < warmupSteps) {
            return (step + 1.0) / (warmupSteps + 1.0);
        }
        return decay((step - warmupSteps) / (double) Math.max(1, totalSteps - warmupSteps));
    }
}
