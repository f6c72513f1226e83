package io.tandem.loadtest.simulation;

import io.tandem.loadtest.figure.Table;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Locale;

/** A line of {@code requests.csv} for each request. */
final class RequestLog implements AutoCloseable {
    static final String FILE = "requests.csv";
    private static final String HEADER = "number,sent_unix_ms,model,prompt_tokens,asked_tokens,tokens,status,ttft_ms,"
            + "tpot_ms,longest_gap_ms,in_flight,met";

    private final PrintWriter out;

    RequestLog(Path directory) throws IOException {
        out = new PrintWriter(Files.newBufferedWriter(directory.resolve(FILE)));
        out.println(HEADER);
    }

    /**
     * @param sentMillis since 1970
     * @param inFlight requests that waited for an answer when this one was sent, itself included
     * @param met whether it held the SLO
     */
    synchronized void add(
            long number, long sentMillis, RequestSequence.Request request, Answer answer, int inFlight, boolean met) {
        out.println(Table.line(
                number,
                sentMillis,
                request.model(),
                request.size().promptTokens(),
                request.size().answerTokens(),
                answer.tokenNanos().size(),
                answer.status(),
                millis(answer.ttftMillis()),
                millis(answer.tpotMillis()),
                millis(answer.longestGapMillis()),
                inFlight,
                met ? 1 : 0));
    }

    private static String millis(double value) {
        return Double.isNaN(value) ? "" : String.format(Locale.ROOT, "%.3f", value);
    }

    @Override
    public void close() {
        out.close();
    }
}
