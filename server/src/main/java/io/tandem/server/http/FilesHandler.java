package io.tandem.server.http;

import com.fasterxml.jackson.databind.node.ObjectNode;
import io.tandem.server.api.ApiException;
import io.tandem.server.api.JsonBody;
import io.tandem.server.storage.FileStore;
import io.vertx.core.Future;
import io.vertx.ext.web.RoutingContext;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.time.Clock;

/** {@code /v1/files}. */
final class FilesHandler {
    private static final int PAGE = 1000;

    private final FileStore files;
    private final Clock clock;

    FilesHandler(FileStore files, Clock clock) {
        this.files = files;
        this.clock = clock;
    }

    void upload(RoutingContext context, Upload upload) {
        Json.blocking(context, () -> add(upload), object -> Json.answer(context, object));
    }

    private ObjectNode add(Upload upload) throws IOException {
        try (upload) {
            Form form = upload.read();
            String purpose = form.fields().get("purpose");
            if (purpose == null || !purpose.equals("fine-tune")) {
                throw ApiException.invalid("purpose", "'purpose' must be 'fine-tune'.");
            }
            if (form.files().size() != 1 || !form.files().get(0).field().equals("file")) {
                throw ApiException.invalid("file", "'file' must be one uploaded file.");
            }
            Form.UploadedFile file = form.files().get(0);
            String filename = file.name().isEmpty() ? "upload.jsonl" : file.name();
            return files.add(file.path(), filename, purpose, clock.instant().getEpochSecond());
        }
    }

    void list(RoutingContext context) {
        Json.blocking(context, files::list, all -> Json.answer(context, Json.page(context, all, PAGE)));
    }

    void get(RoutingContext context) {
        Json.blocking(context, () -> find(context), object -> Json.answer(context, object));
    }

    void content(RoutingContext context) {
        Json.blocking(
                context,
                () -> {
                    String id = context.pathParam("file");
                    return files.open(id).orElseThrow(() -> missing(id));
                },
                content -> Downloads.send(context, content, "application/octet-stream")
                        .eventually(() -> close(context, content))
                        .onFailure(context::fail));
    }

    void delete(RoutingContext context) {
        Json.blocking(
                context,
                () -> {
                    String id = context.pathParam("file");
                    if (!files.delete(id)) {
                        throw missing(id);
                    }
                    ObjectNode json = JsonBody.MAPPER.createObjectNode();
                    json.put("id", id);
                    json.put("object", "file");
                    json.put("deleted", true);
                    return json;
                },
                json -> Json.answer(context, json));
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

    private ObjectNode find(RoutingContext context) throws IOException {
        String id = context.pathParam("file");
        return files.find(id).orElseThrow(() -> missing(id));
    }

    private static ApiException missing(String id) {
        return ApiException.notFound("file_id", "file_not_found", "There is no file '" + id + "'.");
    }
}
