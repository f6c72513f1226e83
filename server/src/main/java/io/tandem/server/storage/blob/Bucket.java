package io.tandem.server.storage.blob;

import io.tandem.server.storage.document.OutageLog;
import io.tandem.server.storage.document.UnreachableException;
import java.io.ByteArrayOutputStream;
import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.io.InterruptedIOException;
import java.io.OutputStream;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import software.amazon.awssdk.awscore.exception.AwsErrorDetails;
import software.amazon.awssdk.core.ResponseInputStream;
import software.amazon.awssdk.core.exception.AbortedException;
import software.amazon.awssdk.core.exception.SdkException;
import software.amazon.awssdk.core.sync.RequestBody;
import software.amazon.awssdk.services.s3.S3Client;
import software.amazon.awssdk.services.s3.model.CompletedPart;
import software.amazon.awssdk.services.s3.model.GetObjectRequest;
import software.amazon.awssdk.services.s3.model.GetObjectResponse;
import software.amazon.awssdk.services.s3.model.MultipartUpload;
import software.amazon.awssdk.services.s3.model.S3Exception;
import software.amazon.awssdk.services.s3.model.S3Object;

/**
 * Objects of a bucket below a prefix. While the store does not answer, everything fails at once with an {@link
 * UnreachableException}, but for one request now and then that tries whether it is back.
 */
final class Bucket implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(Bucket.class);
    private static final long AWAY_NANOS = TimeUnit.SECONDS.toNanos(1);
    private static final String TYPE = "application/octet-stream";
    private static final String AWAY = "the object store does not answer; try again in a moment";
    private static final String REFUSED = "the object store does not take the server's requests; try again later";
    private static final Set<String> FULL = Set.of("XMinioStorageFull", "QuotaExceeded", "XAmzQuotaExceeded");
    private static final String ABSENT = "NoSuchKey";
    /** Bad requests that were not bad yesterday, or will not be tomorrow: credentials, and what broke off on its way. */
    private static final Set<String> PASSING = Set.of(
            "AuthorizationHeaderMalformed",
            "BadDigest",
            "ExpiredToken",
            "IncompleteBody",
            "InvalidToken",
            "RequestTimeout",
            "TokenRefreshRequired",
            "XAmzContentSHA256Mismatch");

    /**
     * @param single bytes from which on a file is sent in parts
     * @param part bytes of a part; more if there would be too many
     * @param copied bytes from which on an object is copied in parts
     */
    record Sizes(long single, long part, long copied) {
        static final Sizes STANDARD = new Sizes(64L << 20, 16L << 20, 4L << 30);
        private static final int PARTS = 10_000;

        long partOf(long bytes) {
            return Math.max(part, (bytes + PARTS - 1) / PARTS);
        }
    }

    private final S3Client client;
    private final String name;
    private final String prefix;
    private final Sizes sizes;
    private volatile boolean away;
    /** Whether it said no the last time. */
    private volatile boolean refusing;
    /** When the next one tries whether it is back. */
    private final AtomicLong nextTry = new AtomicLong();

    private final OutageLog outages = new OutageLog(LOG, "the object store");

    Bucket(S3Client client, S3Address address, Sizes sizes) {
        this.client = client;
        this.name = address.bucket();
        this.prefix = address.prefix();
        this.sizes = sizes;
    }

    private interface Request<T> {
        T send() throws IOException;
    }

    private <T> T ask(Request<T> request) throws IOException {
        requireHope();
        try {
            T answer = request.send();
            back();
            return answer;
        } catch (SdkException e) {
            throw failure(e);
        }
    }

    /** Empty if there is no such object. */
    private <T> Optional<T> find(Request<T> request) throws IOException {
        return ask(() -> {
            try {
                return Optional.of(request.send());
            } catch (S3Exception e) {
                // A page that says so may be that of what stands before the store.
                if (e.statusCode() == 404 && code(e).equals(ABSENT)) {
                    return Optional.empty();
                }
                throw e;
            }
        });
    }

    private void requireHope() throws UnreachableException {
        long due = nextTry.get();
        long now = System.nanoTime();
        if (away && (now - due < 0 || !nextTry.compareAndSet(due, now + AWAY_NANOS))) {
            throw new UnreachableException(AWAY, new IOException("it did not a moment ago"));
        }
    }

    /** Before something large is made ready for a store that did not answer: whether it does now. */
    void requireThere() throws IOException {
        if (away || refusing) {
            require();
        }
    }

    private void back() {
        away = false;
        refusing = false;
        outages.answered();
    }

    private IOException failure(SdkException e) {
        if (e instanceof AbortedException) {
            Thread.currentThread().interrupt();
            return new InterruptedIOException("interrupted");
        }
        if (!(e instanceof S3Exception answer)) {
            nextTry.set(System.nanoTime() + AWAY_NANOS);
            away = true;
            outages.failed("does not answer", e);
            return new UnreachableException(AWAY, e);
        }
        if (answer.statusCode() == 507 || FULL.contains(code(answer))) {
            return new IOException("No space left on device", e);
        }
        if (answer.statusCode() == 413 || (answer.statusCode() == 400 && !PASSING.contains(code(answer)))) {
            return new IOException(
                    "the object store never takes this (" + answer.statusCode() + " " + code(answer) + ")", e);
        }
        // Its operator's keys, bucket or machines: what waits for it can go on when they are right again.
        refusing = true;
        outages.failed("refuses", e);
        return new UnreachableException(answer.statusCode() >= 500 ? AWAY : REFUSED, e);
    }

    private static String code(S3Exception e) {
        return Optional.ofNullable(e.awsErrorDetails())
                .map(AwsErrorDetails::errorCode)
                .orElse("");
    }

    /**
     * The beginning of a small object; empty if there is none.
     *
     * @throws UnreachableException if it breaks off
     */
    Optional<byte[]> get(String key, int bytes) throws IOException {
        ByteArrayOutputStream content = new ByteArrayOutputStream();
        return get(key, bytes, content) ? Optional.of(content.toByteArray()) : Optional.empty();
    }

    /**
     * Copies an object, but no more than so many bytes of it, to where the caller wants it.
     *
     * @return false if there is none
     * @throws UnreachableException if it breaks off
     */
    boolean get(String key, long bytes, OutputStream out) throws IOException {
        Optional<ResponseInputStream<GetObjectResponse>> found = find(() -> client.getObject(
                GetObjectRequest.builder().bucket(name).key(prefix + key).build()));
        if (found.isEmpty()) {
            return false;
        }
        try (ResponseInputStream<GetObjectResponse> in = found.get()) {
            byte[] chunk = new byte[1 << 16];
            long left = bytes;
            while (left > 0) {
                int read = read(in, chunk);
                if (read < 0) {
                    break;
                }
                int wanted = (int) Math.min(read, left);
                out.write(chunk, 0, wanted);
                left -= wanted;
            }
            @Nullable Long length = in.response().contentLength();
            if (length != null && bytes - left < Math.min(bytes, length)) {
                throw new UnreachableException(AWAY, new EOFException("it broke off"));
            }
        }
        return true;
    }

    /** What fails here is the network, and not the disk. */
    private static int read(InputStream in, byte[] chunk) throws UnreachableException {
        try {
            return in.read(chunk);
        } catch (IOException | SdkException e) {
            throw new UnreachableException(AWAY, e);
        }
    }

    boolean exists(String key) throws IOException {
        return ask(() -> {
            try {
                client.headObject(request -> request.bucket(name).key(prefix + key));
                return true;
            } catch (S3Exception e) {
                // An answer to HEAD has no body, and so no code.
                if (e.statusCode() == 404) {
                    return false;
                }
                throw e;
            }
        });
    }

    void put(String key, byte[] content) throws IOException {
        ask(() -> client.putObject(request -> request.bucket(name).key(prefix + key), RequestBody.fromBytes(content)));
    }

    /** Sends a file as it is read, in parts if it is large. */
    void put(String key, Path content) throws IOException {
        try (FileChannel file = FileChannel.open(content, StandardOpenOption.READ)) {
            long bytes = file.size();
            if (bytes < sizes.single()) {
                ask(() -> client.putObject(request -> request.bucket(name).key(prefix + key), slice(file, 0, bytes)));
            } else {
                inParts(
                        key,
                        bytes,
                        part -> ask(() -> client.uploadPart(
                                        request -> request.bucket(name)
                                                .key(prefix + key)
                                                .uploadId(part.upload())
                                                .partNumber(part.number()),
                                        slice(file, part.start(), part.bytes())))
                                .eTag());
            }
        }
    }

    private static RequestBody slice(FileChannel file, long start, long bytes) {
        return RequestBody.fromContentProvider(() -> new FileSlice(file, start, bytes), bytes, TYPE);
    }

    private record Part(String upload, int number, long start, long bytes) {}

    private interface Sending {
        /** @return what the store calls it */
        String send(Part part) throws IOException;
    }

    private void inParts(String key, long bytes, Sending sending) throws IOException {
        String upload = ask(() -> client.createMultipartUpload(
                        request -> request.bucket(name).key(prefix + key)))
                .uploadId();
        try {
            List<CompletedPart> sent = new ArrayList<>();
            long size = sizes.partOf(bytes);
            for (long start = 0; start < bytes; start += size) {
                Part part = new Part(upload, sent.size() + 1, start, Math.min(size, bytes - start));
                sent.add(CompletedPart.builder()
                        .partNumber(part.number())
                        .eTag(sending.send(part))
                        .build());
            }
            ask(() -> client.completeMultipartUpload(request -> request.bucket(name)
                    .key(prefix + key)
                    .uploadId(upload)
                    .multipartUpload(parts -> parts.parts(sent))));
        } catch (IOException | RuntimeException e) {
            try {
                abort(prefix + key, upload);
            } catch (IOException left) {
                // The next start does.
                e.addSuppressed(left);
            }
            throw e;
        }
    }

    private void abort(String key, String upload) throws IOException {
        find(() -> client.abortMultipartUpload(
                request -> request.bucket(name).key(key).uploadId(upload)));
    }

    /** Ends what earlier runs began to send in parts to keys that begin with a text. */
    void abortUploads(String beginning) throws IOException {
        List<MultipartUpload> uploads =
                ask(() -> client
                        .listMultipartUploadsPaginator(
                                request -> request.bucket(name).prefix(prefix + beginning))
                        .uploads()
                        .stream()
                        .toList());
        for (MultipartUpload upload : uploads) {
            abort(upload.key(), upload.uploadId());
        }
    }

    /**
     * Copies an object within the store.
     *
     * @return false if there is none
     */
    boolean copy(String from, String to, long bytes) throws IOException {
        if (bytes < sizes.copied()) {
            return find(() -> client.copyObject(request -> request.sourceBucket(name)
                            .sourceKey(prefix + from)
                            .destinationBucket(name)
                            .destinationKey(prefix + to)))
                    .isPresent();
        }
        if (!exists(from)) {
            return false;
        }
        inParts(
                to,
                bytes,
                part -> ask(() -> client.uploadPartCopy(request -> request.sourceBucket(name)
                                .sourceKey(prefix + from)
                                .copySourceRange("bytes=" + part.start() + "-" + (part.start() + part.bytes() - 1))
                                .destinationBucket(name)
                                .destinationKey(prefix + to)
                                .uploadId(part.upload())
                                .partNumber(part.number())))
                        .copyPartResult()
                        .eTag());
        return true;
    }

    /** The keys that begin with a text. */
    List<String> list(String beginning) throws IOException {
        return list(beginning, false);
    }

    /** Those of them in which no slash follows it. */
    List<String> children(String beginning) throws IOException {
        return list(beginning, true);
    }

    private List<String> list(String beginning, boolean children) throws IOException {
        return ask(() -> client
                .listObjectsV2Paginator(request -> {
                    request.bucket(name).prefix(prefix + beginning);
                    if (children) {
                        request.delimiter("/");
                    }
                })
                .contents()
                .stream()
                .map(S3Object::key)
                .map(key -> key.substring(prefix.length()))
                .toList());
    }

    /** Asks whether the bucket can be used at all. */
    void require() throws IOException {
        ask(() -> client.listObjectsV2(
                request -> request.bucket(name).prefix(prefix).maxKeys(1)));
    }

    /** One by one: not all stores delete several at once, or with the checksums that AWS wants then. */
    void delete(List<String> keys) throws IOException {
        for (String key : keys) {
            find(() -> client.deleteObject(request -> request.bucket(name).key(prefix + key)));
        }
    }

    @Override
    public void close() {
        client.close();
    }
}
