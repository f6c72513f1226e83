package io.tandem.scheduler.testing;

import io.tandem.scheduler.finetune.JobCheckpoint;
import io.tandem.scheduler.finetune.JobSink;
import io.tandem.scheduler.finetune.Trajectories;
import java.util.ArrayList;
import java.util.List;

/** Remembers what a job reported. */
public final class RecordingJobSink implements JobSink {
    private final List<StepReport> steps = new ArrayList<>();
    private final List<Found> findings = new ArrayList<>();
    private final List<Pruned> prunings = new ArrayList<>();
    private final List<Measured> measurements = new ArrayList<>();
    private final List<JobCheckpoint> checkpoints = new ArrayList<>();
    private final List<JobOutcome> ends = new ArrayList<>();
    private Trajectories trajectories = Trajectories.NONE;
    private boolean started;

    @Override
    public void start() {
        started = true;
    }

    @Override
    public void step(StepReport report) {
        steps.add(report);
    }

    @Override
    public void found(Found found) {
        findings.add(found);
    }

    @Override
    public void pruned(Pruned pruned) {
        prunings.add(pruned);
    }

    @Override
    public void measured(Measured measured) {
        measurements.add(measured);
    }

    @Override
    public void examined(Trajectories examined) {
        trajectories = examined;
    }

    @Override
    public void grew(Grown grown) {}

    @Override
    public void checkpoint(JobCheckpoint checkpoint) {
        checkpoints.add(checkpoint);
    }

    @Override
    public void finish(JobOutcome outcome) {
        ends.add(outcome);
    }

    public boolean started() {
        return started;
    }

    public List<StepReport> steps() {
        return steps;
    }

    public List<Found> findings() {
        return findings;
    }

    public List<Pruned> prunings() {
        return prunings;
    }

    public List<Measured> measurements() {
        return measurements;
    }

    /** What is known of the training examples. */
    public Trajectories trajectories() {
        return trajectories;
    }

    public List<JobCheckpoint> checkpoints() {
        return checkpoints;
    }

    public boolean ended() {
        return !ends.isEmpty();
    }

    /** The one end. */
    public JobOutcome end() {
        if (ends.size() != 1) {
            throw new IllegalStateException("a job ended " + ends.size() + " times");
        }
        return ends.get(0);
    }
}
