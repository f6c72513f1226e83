package io.tandem.scheduler.testing;

import io.tandem.scheduler.finetune.JobSink.JobOutcome;
import java.util.Map;
import java.util.TreeMap;

/**
 * What a job did, told without times, over all its runs: an interrupted job may do a step again, but then with the very
 * same result.
 */
public final class JobStory {
    private final Map<Integer, String> steps = new TreeMap<>();
    private final Map<Integer, String> measurements = new TreeMap<>();
    private final Map<Integer, String> findings = new TreeMap<>();
    private final Map<Integer, String> prunings = new TreeMap<>();
    private final Map<Integer, String> examinations = new TreeMap<>();
    private String end = "";

    /** Of a job that ran once. */
    public static JobStory of(RecordingJobSink sink) {
        JobStory story = new JobStory();
        story.add(sink);
        return story;
    }

    /** Adds what a run of the job did. */
    public void add(RecordingJobSink sink) {
        sink.steps()
                .forEach(step -> put(
                        steps,
                        step.step(),
                        step.scores() + " " + step.learningRate() + " " + step.tokens() + " " + step.trainedTokens()
                                + " " + step.plan()));
        sink.prunings().forEach(pruned -> put(prunings, pruned.step(), pruned.toString()));
        sink.findings().forEach(found -> put(findings, found.step(), found.toString()));
        sink.measurements().forEach(measured -> put(measurements, measured.step(), measured.toString()));
        for (int i = 0; i < sink.trajectories().times(); i++) {
            put(examinations, i, sink.trajectories().losses().get(i).toString());
        }
        if (sink.ended() && sink.end() instanceof JobOutcome.Succeeded succeeded) {
            end = FakeTrainee.hash(succeeded.adapter()) + " " + succeeded.step() + " " + succeeded.stoppedEarly();
        }
    }

    private static void put(Map<Integer, String> told, int step, String what) {
        String before = told.putIfAbsent(step, what);
        if (before != null && !before.equals(what)) {
            throw new AssertionError("step " + step + " was " + before + " and is now " + what);
        }
    }

    @Override
    public boolean equals(Object other) {
        return other instanceof JobStory && toString().equals(other.toString());
    }

    @Override
    public int hashCode() {
        return toString().hashCode();
    }

    @Override
    public String toString() {
        return steps + "\n" + measurements + "\n" + findings + "\n" + prunings + "\n" + examinations + "\n" + end;
    }
}
