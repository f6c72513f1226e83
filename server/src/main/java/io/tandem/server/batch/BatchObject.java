package io.tandem.server.batch;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.tandem.server.api.JsonBody;
import io.tandem.server.api.ObjectIds;
import io.tandem.server.api.TenantId;
import java.time.Duration;
import java.util.List;
import java.util.Set;

/** OpenAI's {@code batch} object, with every field of its schema. */
final class BatchObject {
    static final String VALIDATING = "validating";
    static final String IN_PROGRESS = "in_progress";
    static final String FINALIZING = "finalizing";
    static final String CANCELLING = "cancelling";
    static final String COMPLETED = "completed";
    static final String FAILED = "failed";
    static final String EXPIRED = "expired";
    static final String CANCELLED = "cancelled";

    static final Set<String> OPEN = Set.of(VALIDATING, IN_PROGRESS, FINALIZING, CANCELLING);
    static final Set<String> ENDED = Set.of(COMPLETED, FAILED, EXPIRED, CANCELLED);

    private static final long WINDOW_SECONDS = Duration.ofHours(24).toSeconds();
    private static final String STATUS = "status";
    private static final String COUNTS = "request_counts";
    /** What the server alone knows: whose it is, how the batch ends, and what its files will be. */
    private static final String INTERNAL = "internal";

    private static final String TENANT = "tenant";

    private BatchObject() {}

    static ObjectNode create(TenantId tenant, BatchSpec spec, long now) {
        ObjectNode batch = JsonBody.MAPPER.createObjectNode();
        batch.put("id", ObjectIds.kept("batch_"));
        batch.put("object", "batch");
        batch.put("endpoint", spec.endpoint());
        batch.putNull("errors");
        batch.put("input_file_id", spec.input());
        batch.put("completion_window", "24h");
        batch.put(STATUS, VALIDATING);
        batch.putNull("output_file_id");
        batch.putNull("error_file_id");
        batch.put("created_at", now);
        batch.putNull("in_progress_at");
        batch.put("expires_at", now + WINDOW_SECONDS);
        for (String status : List.of(FINALIZING, COMPLETED, FAILED, EXPIRED, CANCELLING, CANCELLED)) {
            batch.putNull(status + "_at");
        }
        counts(batch, 0, 0, 0);
        spec.metadata().ifPresentOrElse(metadata -> batch.set("metadata", metadata), () -> batch.putNull("metadata"));
        ObjectNode internal = batch.putObject(INTERNAL).put(TENANT, tenant.value());
        spec.outputLifetime().ifPresent(seconds -> internal.put("lifetime", seconds));
        return batch;
    }

    static String id(ObjectNode batch) {
        return batch.path("id").asText();
    }

    /** Whether it can be told whose it is. */
    static boolean hasTenant(ObjectNode batch) {
        return TenantId.stored(batch.path(INTERNAL).path(TENANT)).isPresent();
    }

    /** Whose it is. */
    static TenantId tenant(ObjectNode batch) {
        return TenantId.stored(batch.path(INTERNAL).path(TENANT)).orElseThrow();
    }

    static String status(ObjectNode batch) {
        return batch.path(STATUS).asText();
    }

    static boolean ended(ObjectNode batch) {
        return ENDED.contains(status(batch));
    }

    static String endpoint(ObjectNode batch) {
        return batch.path("endpoint").asText();
    }

    /** Puts a status with its time. */
    static void status(ObjectNode batch, String status, long now) {
        batch.put(STATUS, status);
        batch.put(status + "_at", now);
    }

    static void counts(ObjectNode batch, int total, int completed, int failed) {
        batch.putObject(COUNTS).put("total", total).put("completed", completed).put("failed", failed);
    }

    static int total(ObjectNode batch) {
        return batch.path(COUNTS).path("total").asInt();
    }

    static void errors(ObjectNode batch, List<LineError> errors) {
        ArrayNode data = batch.putObject("errors").put("object", "list").putArray("data");
        for (LineError error : errors) {
            ObjectNode entry = data.addObject();
            entry.put("code", error.code());
            entry.put("message", error.getMessage());
            entry.put("param", error.param());
            if (error.line() > 0) {
                entry.put("line", error.line());
            } else {
                entry.putNull("line");
            }
        }
    }

    static ObjectNode internal(ObjectNode batch) {
        return batch.withObjectProperty(INTERNAL);
    }

    /** What a client sees of it. */
    static ObjectNode shown(ObjectNode batch) {
        ObjectNode shown = batch.deepCopy();
        shown.remove(INTERNAL);
        return shown;
    }
}
