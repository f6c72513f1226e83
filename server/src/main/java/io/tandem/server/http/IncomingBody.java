package io.tandem.server.http;

import io.tandem.server.api.TenantId;
import io.vertx.core.Future;
import io.vertx.core.Promise;
import io.vertx.core.Vertx;
import io.vertx.core.buffer.Buffer;
import io.vertx.core.file.AsyncFile;
import io.vertx.core.http.HttpServerRequest;
import java.util.concurrent.TimeUnit;

/**
 * A body on its way to a file. It is read no faster than the disk takes it and than the tenant's pace allows. All of it runs on
 * the event loop of the request.
 */
final class IncomingBody {
    private final HttpServerRequest request;
    private final AsyncFile file;
    private final long maxBytes;
    private final UploadPace pace;
    private final TenantId tenant;
    private final Promise<Void> received;

    private long bytes;
    /** All writes, and the end of the body. */
    private int expected = 1;

    private boolean diskBehind;
    private boolean clientEarly;
    private boolean held;

    /**
     * @param request paused
     * @param received fails if the client leaves
     */
    IncomingBody(
            HttpServerRequest request,
            AsyncFile file,
            long maxBytes,
            UploadPace pace,
            TenantId tenant,
            Promise<Void> received) {
        this.request = request;
        this.file = file;
        this.maxBytes = maxBytes;
        this.pace = pace;
        this.tenant = tenant;
        this.received = received;
    }

    /** Reads all; the future has the number of bytes. */
    Future<Long> receive() {
        pace.begins(tenant);
        file.exceptionHandler(received::tryFail);
        request.endHandler(this::arrived);
        request.handler(this::take);
        request.resume();
        return received.future().onComplete(ended -> pace.ends(tenant)).map(all -> bytes);
    }

    private void take(Buffer buffer) {
        bytes += buffer.length();
        if (bytes > maxBytes) {
            received.tryFail(ErrorMapper.tooLarge(maxBytes, "http.max-upload-bytes"));
        } else if (!received.future().isComplete()) {
            expected++;
            file.write(buffer).onSuccess(this::arrived).onFailure(received::tryFail);
            diskBehind = file.writeQueueFull();
            if (diskBehind) {
                file.drainHandler(drained -> {
                    diskBehind = false;
                    readOn();
                });
            }
            long nanos = pace.nanosAfter(tenant, buffer.length());
            clientEarly = nanos > 0;
            if (clientEarly) {
                Vertx.currentContext().owner().setTimer(TimeUnit.NANOSECONDS.toMillis(nanos) + 1, timer -> {
                    clientEarly = false;
                    readOn();
                });
            }
            if (diskBehind || clientEarly) {
                held = true;
                request.pause();
            }
        }
    }

    /** Whether it had to wait for the disk or its pace since the last time that this was asked, and not for the client alone. */
    boolean wasHeld() {
        boolean was = held;
        held = diskBehind || clientEarly;
        return was;
    }

    private void readOn() {
        if (!diskBehind && !clientEarly) {
            request.resume();
        }
    }

    private void arrived(Void one) {
        expected--;
        if (expected == 0) {
            received.tryComplete();
        }
    }
}
