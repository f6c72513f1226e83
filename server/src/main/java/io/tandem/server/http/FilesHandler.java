package io.tandem.server.http;

import com.fasterxml.jackson.databind.node.ObjectNode;
import io.tandem.server.api.ApiException;
import io.tandem.server.api.JsonBody;
import io.tandem.server.storage.FileStore;
import io.vertx.core.Future;
import io.vertx.ext.web.FileUpload;
import io.vertx.ext.web.RoutingContext;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.time.Clock;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.function.Consumer;

/** {@code /v1/files}. */
final class FilesHandler {
    private static final int PAGE = 1000;

    private final FileStore files;
    private final Clock clock;

    FilesHandler(FileStore files, Clock clock) {
        this.files = files;
        this.clock = clock;
    }

    void upload(RoutingContext context) {
        String purpose = context.request().getFormAttribute("purpose");
        if (purpose == null || !purpose.equals("fine-tune")) {
            throw ApiException.invalid("purpose", "'purpose' must be 'fine-tune'.");
        }
        List<FileUpload> uploads = context.fileUploads();
        if (uploads.size() != 1 || !uploads.get(0).name().equals("file")) {
            throw ApiException.invalid("file", "'file' must be one uploaded file.");
        }
        FileUpload upload = uploads.get(0);
        String filename = upload.fileName().isEmpty() ? "upload.jsonl" : upload.fileName();
        blocking(
                context,
                () -> files.add(
                        Path.of(upload.uploadedFileName()),
                        filename,
                        purpose,
                        clock.instant().getEpochSecond()),
                object -> Json.answer(context, object));
    }

    void list(RoutingContext context) {
        blocking(context, files::list, all -> Json.answer(context, Json.page(context, all, PAGE)));
    }

    void get(RoutingContext context) {
        blocking(context, () -> find(context), object -> Json.answer(context, object));
    }

    void content(RoutingContext context) {
        blocking(
                context,
                () -> {
                    String id = context.pathParam("file");
                    return files.open(id).orElseThrow(() -> missing(id));
                },
                content -> context.response()
                        .putHeader("Content-Type", "application/octet-stream")
                        .sendFile(content)
                        .eventually(() -> close(context, content))
                        .onFailure(context::fail));
    }

    void delete(RoutingContext context) {
        blocking(
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

    private static <T> void blocking(RoutingContext context, Callable<T> work, Consumer<T> answer) {
        context.vertx()
                .executeBlocking(work, false)
                .onSuccess(result -> {
                    try {
                        answer.accept(result);
                    } catch (ApiException e) {
                        context.fail(e);
                    }
                })
                .onFailure(context::fail);
    }
}
