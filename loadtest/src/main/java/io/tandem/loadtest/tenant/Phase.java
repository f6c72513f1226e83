package io.tandem.loadtest.tenant;

import io.tandem.loadtest.result.Quantiles;
import io.tandem.loadtest.tenant.Flood.Kind;
import io.tandem.loadtest.tenant.QuietTenant.Answer;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.function.ToDoubleFunction;

/** A kind of flood, and what was measured under it in all rounds. */
final class Phase {
    static final String COLUMNS = "phase,requests,failures,ttft_p50_ms,ttft_p95_ms,ttft_p99_ms,ttft_p99_of_alone,"
            + "tpot_p50_ms,tpot_p99_ms,flood_tokens_per_s,flood_uploads_per_s,flood_trained_rows_per_s,client_cores,server_cores,other_cores";

    private final String name;
    private final Kind kind;
    private final boolean quota;
    private final List<Answer> answers = new ArrayList<>();
    private Work work = new Work(0, 0, 0, 0, 0, 0, 0);

    /** @param quota whether the flood has one */
    Phase(String name, Kind kind, boolean quota) {
        this.name = name;
        this.kind = kind;
        this.quota = quota;
    }

    /**
     * What the server did for the flood in so many seconds.
     *
     * @param clientSeconds of processor time that the clients took, which the server lacks on the same machine
     * @param serverSeconds of processor time that the server took
     * @param busySeconds of processor time that all programs of the machine took
     */
    record Work(
            double seconds,
            double tokens,
            double uploads,
            double trainedRows,
            double clientSeconds,
            double serverSeconds,
            double busySeconds) {
        Work plus(Work more) {
            return new Work(
                    seconds + more.seconds,
                    tokens + more.tokens,
                    uploads + more.uploads,
                    trainedRows + more.trainedRows,
                    clientSeconds + more.clientSeconds,
                    serverSeconds + more.serverSeconds,
                    busySeconds + more.busySeconds);
        }

        Work minus(Work before) {
            return plus(new Work(
                    -before.seconds,
                    -before.tokens,
                    -before.uploads,
                    -before.trainedRows,
                    -before.clientSeconds,
                    -before.serverSeconds,
                    -before.busySeconds));
        }

        /** What programs took that have nothing to do with this. */
        double otherSeconds() {
            return busySeconds - clientSeconds - serverSeconds;
        }
    }

    String name() {
        return name;
    }

    Kind kind() {
        return kind;
    }

    boolean quota() {
        return quota;
    }

    void add(List<Answer> more, Work during) {
        answers.addAll(more);
        work = work.plus(during);
    }

    private Quantiles quantiles(ToDoubleFunction<Answer> value) {
        return Quantiles.of(answers.stream().mapToDouble(value).toArray());
    }

    /** The 99th percentile of the time to the first token, over that of another phase. */
    double ratio(Phase alone) {
        return quantiles(Answer::ttftMillis).at(0.99)
                / alone.quantiles(Answer::ttftMillis).at(0.99);
    }

    /** In the order of {@link #COLUMNS}. */
    List<?> cells(Phase alone) {
        Quantiles ttft = quantiles(Answer::ttftMillis);
        Quantiles tpot = quantiles(Answer::tpotMillis);
        return List.of(
                name,
                answers.size(),
                answers.stream().filter(Answer::failed).count(),
                number(ttft.at(0.5)),
                number(ttft.at(0.95)),
                number(ttft.at(0.99)),
                String.format(Locale.ROOT, "%.2f", ratio(alone)),
                number(tpot.at(0.5)),
                number(tpot.at(0.99)),
                number(work.tokens() / work.seconds()),
                number(work.uploads() / work.seconds()),
                number(work.trainedRows() / work.seconds()),
                cores(work.clientSeconds()),
                cores(work.serverSeconds()),
                cores(work.otherSeconds()));
    }

    private String cores(double seconds) {
        return String.format(Locale.ROOT, "%.2f", seconds / work.seconds());
    }

    private static String number(double value) {
        return String.format(Locale.ROOT, "%.1f", value);
    }
}
