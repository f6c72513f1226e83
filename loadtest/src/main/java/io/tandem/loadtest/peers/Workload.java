package io.tandem.loadtest.peers;

import java.io.IOException;
import java.util.List;

/**
 * What both engines do in one measurement.
 *
 * @param kind {@code decode} or {@code prefill}
 * @param batch sequences
 * @param tokens of context before the first step, or of the prompt
 * @param repetitions steps, or prompts one after the other
 */
record Workload(String kind, int batch, int tokens, int repetitions) {
    private static final int CONTEXT = 128;

    static final List<Workload> ALL = List.of(
            new Workload("decode", 1, CONTEXT, 60),
            new Workload("decode", 8, CONTEXT, 40),
            new Workload("decode", 32, CONTEXT, 30),
            new Workload("prefill", 1, 128, 12),
            new Workload("prefill", 1, 512, 6));

    /** The longest sequence that any of them makes. */
    static int longest() {
        return ALL.stream()
                .mapToInt(workload -> workload.tokens + workload.repetitions)
                .max()
                .orElseThrow();
    }

    double[] millis(Engine engine) throws IOException {
        return kind.equals("decode") ? engine.decode(batch, tokens, repetitions) : engine.prefill(tokens, repetitions);
    }

    /** Tokens that one repetition takes. */
    int tokensAtOnce() {
        return kind.equals("decode") ? batch : tokens;
    }

    String label() {
        return kind.equals("decode") ? "decode, batch " + batch : "prefill, " + tokens + " tokens";
    }
}
