package io.tandem.scheduler.finetune;

/** Passes everything on, but for what a subclass does about it. */
public abstract class ForwardingJobSink implements JobSink {
    private final JobSink sink;

    protected ForwardingJobSink(JobSink sink) {
        this.sink = sink;
    }

    @Override
    public void start() {
        sink.start();
    }

    @Override
    public void step(StepReport report) {
        sink.step(report);
    }

    @Override
    public void found(Found found) {
        sink.found(found);
    }

    @Override
    public void pruned(Pruned pruned) {
        sink.pruned(pruned);
    }

    @Override
    public void measured(Measured measured) {
        sink.measured(measured);
    }

    @Override
    public void grew(Grown grown) {
        sink.grew(grown);
    }

    @Override
    public void checkpoint(JobCheckpoint checkpoint) {
        sink.checkpoint(checkpoint);
    }

    @Override
    public void finish(JobOutcome outcome) {
        sink.finish(outcome);
    }
}
