package io.tandem.server.http;

import com.fasterxml.jackson.databind.node.ObjectNode;
import io.tandem.server.api.ApiException;
import io.tandem.server.api.JsonBody;
import io.tandem.server.api.TenantId;
import io.tandem.server.storage.FileStore;
import io.tandem.server.storage.TenantFiles;
import io.tandem.server.tenant.Principal;
import io.vertx.core.Future;
import io.vertx.ext.web.RoutingContext;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.time.Clock;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.OptionalLong;
import java.util.Set;

/** {@code /v1/files}. */
final class FilesHandler {
    private static final int PAGE = 1000;
    private static final String ANCHOR = "expires_after[anchor]";
    private static final String SECONDS = "expires_after[seconds]";
    private static final String KNOWN = "'file', 'purpose', '" + ANCHOR + "' and '" + SECONDS + "'";
    private static final Set<String> PURPOSES = Set.of("fine-tune", "batch");
    private static final Set<String> FIELDS = Set.of("purpose", ANCHOR, SECONDS);
    /** An hour and thirty days, as at OpenAI. */
    private static final long MIN_LIFETIME = 3600;

    private static final long MAX_LIFETIME = 2_592_000;

    private final TenantFiles files;
    private final FileRoom room;
    /** Of whatever moves whole files. */
    private final TenantTurns forms;

    private final Clock clock;

    FilesHandler(TenantFiles files, FileRoom room, TenantTurns forms, Clock clock) {
        this.forms = forms;
        this.files = files;
        this.room = room;
        this.clock = clock;
    }

    void upload(RoutingContext context, Principal caller, Upload upload) {
        Json.later(
                context,
                forms.run(caller.tenant(), upload.bytes(), () -> add(caller.tenant(), upload)),
                object -> Json.answer(context, object));
    }

    private ObjectNode add(TenantId tenant, Upload upload) throws IOException {
        try (upload) {
            Form form = upload.read();
            for (String field : form.fields().keySet()) {
                if (field.equals("file")) {
                    throw ApiException.invalid(
                            field,
                            "'file' has to be a file, and is a text; curl sends the file NAME with -F file=@NAME.");
                }
                if (!FIELDS.contains(field)) {
                    throw ApiException.unsupported(
                            field, "'" + field + "' is not a known field of this form; known are " + KNOWN + ".");
                }
            }
            String purpose = form.fields().get("purpose");
            if (purpose == null || !PURPOSES.contains(purpose)) {
                throw ApiException.invalid("purpose", "'purpose' must be 'fine-tune' or 'batch'.");
            }
            OptionalLong lifetime = lifetime(form.fields());
            if (form.files().size() != 1 || !form.files().get(0).field().equals("file")) {
                throw ApiException.invalid("file", "'file' must be one uploaded file.");
            }
            Form.UploadedFile file = form.files().get(0);
            if (Files.size(file.path()) == 0) {
                throw ApiException.invalid("file", "'file' is empty.");
            }
            String filename = file.name().isEmpty() ? "upload.jsonl" : file.name();
            FileStore own = files.of(tenant);
            long now = clock.instant().getEpochSecond();
            return room.add(
                    tenant, own, Files.size(file.path()), () -> own.add(file.path(), filename, purpose, now, lifetime));
        }
    }

    /** OpenAI's {@code expires_after}, whose only anchor is the moment of the upload. */
    private static OptionalLong lifetime(Map<String, String> fields) {
        String anchor = fields.get(ANCHOR);
        String seconds = fields.get(SECONDS);
        if (anchor == null && seconds == null) {
            return OptionalLong.empty();
        }
        if (!"created_at".equals(anchor)) {
            throw ApiException.invalid(ANCHOR, "'" + ANCHOR + "' must be 'created_at'.");
        }
        if (seconds == null
                || !seconds.matches("[0-9]{1,8}")
                || Long.parseLong(seconds) < MIN_LIFETIME
                || Long.parseLong(seconds) > MAX_LIFETIME) {
            throw ApiException.invalid(
                    SECONDS, "'" + SECONDS + "' must be from " + MIN_LIFETIME + " to " + MAX_LIFETIME + ".");
        }
        return OptionalLong.of(Long.parseLong(seconds));
    }

    void list(RoutingContext context, Principal caller) {
        Json.requireKnown(context, "purpose", "order");
        String purpose = context.request().getParam("purpose");
        boolean ascending = Json.ascending(context);
        Json.blocking(context, files.of(caller.tenant())::list, all -> {
            List<ObjectNode> found = new ArrayList<>(all);
            found.removeIf(
                    file -> purpose != null && !file.path("purpose").asText().equals(purpose));
            if (ascending) {
                Collections.reverse(found);
            }
            Json.answer(context, Json.page(context, found, PAGE));
        });
    }

    void get(RoutingContext context, Principal caller) {
        Json.blocking(context, () -> find(context, caller), object -> Json.answer(context, object));
    }

    void content(RoutingContext context, Principal caller) {
        String id = context.pathParam("file");
        // A file that comes from elsewhere is fetched whole before its first byte is sent.
        Future<FileChannel> opened = context.vertx()
                .executeBlocking(() -> find(context, caller), false)
                .compose(file -> forms.run(
                        caller.tenant(),
                        file.path("bytes").asLong(),
                        () -> files.of(caller.tenant()).open(id).orElseThrow(() -> missing(id))));
        Json.later(
                context,
                opened,
                content -> Downloads.send(context, content, "application/octet-stream")
                        .eventually(() -> close(context, content))
                        .onFailure(context::fail));
    }

    void delete(RoutingContext context, Principal caller) {
        Json.later(
                context,
                forms.run(caller.tenant(), 0, () -> delete(caller.tenant(), context.pathParam("file"))),
                json -> Json.answer(context, json));
    }

    private ObjectNode delete(TenantId tenant, String id) throws IOException {
        if (!files.of(tenant).delete(id)) {
            throw missing(id);
        }
        ObjectNode json = JsonBody.MAPPER.createObjectNode();
        json.put("id", id);
        json.put("object", "file");
        json.put("deleted", true);
        return json;
    }

    private static Future<Void> close(RoutingContext context, FileChannel content) {
        return context.vertx()
                .executeBlocking(
                        () -> {
                            content.close();
                            return null;
                        },
                        false);
    }

    private ObjectNode find(RoutingContext context, Principal caller) throws IOException {
        String id = context.pathParam("file");
        return files.of(caller.tenant()).find(id).orElseThrow(() -> missing(id));
    }

    private static ApiException missing(String id) {
        return ApiException.notFound("file_id", "file_not_found", "There is no file '" + id + "'.");
    }
}
