package io.tandem.server.batch;

import com.fasterxml.jackson.databind.node.ObjectNode;
import io.tandem.server.api.JsonBody;
import io.tandem.server.storage.BatchStore;
import io.tandem.server.storage.BatchStore.Results;
import io.tandem.server.storage.ResultLog;
import java.io.Closeable;
import java.io.IOException;
import java.util.BitSet;
import java.util.Locale;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * What a batch has come to: a line for each row that has ended, in OpenAI's shape. The lines themselves say which rows
 * those are, since the id of a line has the number of its row; so nothing else can disagree with them after a crash.
 */
final class BatchResults implements Closeable {
    private static final Pattern HEAD = Pattern.compile("\\{\"id\":\"batch_req_[0-9a-f]{16}([0-9a-f]{8})\".*");
    private static final int BATCH_DIGITS = 16;
    private static final int OK = 200;

    private final String idPrefix;
    private final ResultLog output;
    private final ResultLog errors;
    private final BitSet ended;
    private int completed;
    private int failed;

    private BatchResults(String batchId, ResultLog output, ResultLog errors, BitSet ended, int completed) {
        int digits = batchId.indexOf('_') + 1;
        this.idPrefix = "batch_req_" + batchId.substring(digits, digits + BATCH_DIGITS);
        this.output = output;
        this.errors = errors;
        this.ended = ended;
        this.completed = completed;
        this.failed = ended.cardinality() - completed;
    }

    static BatchResults open(BatchStore store, String batchId) throws IOException {
        BitSet ended = new BitSet();
        ResultLog output = store.results(batchId, Results.OUTPUT, head -> end(ended, head));
        int completed = ended.cardinality();
        ResultLog errors = store.results(batchId, Results.ERROR, head -> end(ended, head));
        return new BatchResults(batchId, output, errors, ended, completed);
    }

    private static void end(BitSet ended, String head) {
        Matcher row = HEAD.matcher(head);
        if (row.matches()) {
            ended.set(Integer.parseUnsignedInt(row.group(1), 16) & Integer.MAX_VALUE);
        }
    }

    /** Numbers of the lines whose rows have ended. */
    BitSet ended() {
        return ended;
    }

    int completed() {
        return completed;
    }

    int failed() {
        return failed;
    }

    /** A row was answered; when this returns, its line survives a crash. */
    void answered(BatchRow row, Rows.Reply reply) throws IOException {
        ObjectNode line = line(row.line(), row.customId());
        ObjectNode response = line.putObject("response");
        response.put("status_code", reply.status());
        response.put("request_id", reply.requestId());
        response.set("body", reply.body());
        line.putNull("error");
        boolean answered = reply.status() == OK;
        (answered ? output : errors).write(line.toString());
        ended.set(row.line());
        if (answered) {
            completed++;
        } else {
            failed++;
        }
    }

    /** A row will not be answered; its line survives a crash after {@link #force}. */
    void unanswered(int row, String customId, String code, String message) {
        ObjectNode line = line(row, customId);
        line.putNull("response");
        line.putObject("error").put("code", code).put("message", message);
        errors.append(line.toString());
        ended.set(row);
        failed++;
    }

    private ObjectNode line(int row, String customId) {
        return JsonBody.MAPPER
                .createObjectNode()
                .put("id", idPrefix + String.format(Locale.ROOT, "%08x", row))
                .put("custom_id", customId);
    }

    void force() throws IOException {
        output.force();
        errors.force();
    }

    boolean has(Results kind) {
        return !(kind == Results.OUTPUT ? output : errors).empty();
    }

    @Override
    public void close() throws IOException {
        force();
    }
}
