package io.tandem.server.http;

import io.tandem.server.api.TenantId;
import io.tandem.server.storage.ScratchDirectory;
import io.vertx.core.Future;
import io.vertx.core.Handler;
import io.vertx.core.Promise;
import io.vertx.core.file.OpenOptions;
import io.vertx.core.http.HttpHeaders;
import io.vertx.core.http.HttpServerRequest;
import io.vertx.core.http.HttpVersion;
import io.vertx.ext.web.RoutingContext;
import java.nio.file.Path;
import java.util.Locale;
import java.util.Optional;
import java.util.function.BiConsumer;

/**
 * Receives a form. Its body goes to disk as it comes and is taken apart afterwards, on a worker: what is wrong with a
 * form is then found where it can be answered, and one directory is all that there is to delete.
 */
final class UploadHandler implements Handler<RoutingContext> {
    private final Path uploads;
    private final long maxBytes;
    private final BodyDeadline deadline;
    private final UploadPace pace;
    private final BiConsumer<RoutingContext, Upload> next;

    /**
     * @param uploads directory for unfinished uploads
     * @param maxBytes of a body
     * @param next closes the upload
     */
    UploadHandler(
            Path uploads,
            long maxBytes,
            BodyDeadline deadline,
            UploadPace pace,
            BiConsumer<RoutingContext, Upload> next) {
        this.uploads = uploads;
        this.maxBytes = maxBytes;
        this.deadline = deadline;
        this.pace = pace;
        this.next = next;
    }

    static boolean isForm(HttpServerRequest request) {
        return type(request).toLowerCase(Locale.ROOT).startsWith("multipart/form-data");
    }

    private static String type(HttpServerRequest request) {
        return Optional.ofNullable(request.getHeader(HttpHeaders.CONTENT_TYPE)).orElse("");
    }

    @Override
    public void handle(RoutingContext context) {
        HttpServerRequest request = context.request();
        if (!isForm(request)) {
            throw ErrorMapper.wrong(
                    415,
                    "unsupported_media_type",
                    "The body has to be a form; send 'Content-Type: multipart/form-data'.");
        }
        String length = request.getHeader(HttpHeaders.CONTENT_LENGTH);
        if (length != null && Long.parseLong(length) > maxBytes) {
            throw ErrorMapper.tooLarge(maxBytes, "http.max-upload-bytes");
        }
        if (request.headers().contains(HttpHeaders.EXPECT) && request.version() != HttpVersion.HTTP_1_0) {
            context.response().writeContinue();
        }
        TenantId tenant = KeyHandler.caller(context).tenant();
        request.pause();
        // From the start, or a client that leaves before its body has a place would not be noticed.
        Promise<Void> received = Promise.promise();
        request.exceptionHandler(received::tryFail);
        // A body that is too slow or broken is answered elsewhere; Vert.x reports nothing to the request after that.
        // A second end handler of the response would take the place of the one that belongs to Connections.
        context.addBodyEndHandler(ended -> received.tryFail("The request was answered before its body had arrived."));
        context.vertx()
                .executeBlocking(() -> new Upload(ScratchDirectory.in(uploads), type(request)), false)
                .onFailure(failure -> fail(context, failure))
                .onSuccess(upload -> receive(context, tenant, upload, received)
                        .onSuccess(all -> next.accept(context, upload))
                        .onFailure(failure -> discard(context, upload).onComplete(gone -> fail(context, failure))));
    }

    private Future<Long> receive(RoutingContext context, TenantId tenant, Upload upload, Promise<Void> received) {
        return context.vertx()
                .fileSystem()
                .open(upload.body().toString(), new OpenOptions())
                .compose(file -> {
                    IncomingBody body = new IncomingBody(context.request(), file, maxBytes, pace, tenant, received);
                    deadline.watch(context, body::wasHeld);
                    return body.receive().onSuccess(upload::received).eventually(() -> file.close());
                });
    }

    private static Future<?> discard(RoutingContext context, Upload upload) {
        return context.vertx()
                .executeBlocking(
                        () -> {
                            upload.close();
                            return null;
                        },
                        false);
    }

    /** The rest of the body is dropped, so that the client reads the answer. */
    private static void fail(RoutingContext context, Throwable failure) {
        context.request().resume();
        context.fail(failure);
    }
}
