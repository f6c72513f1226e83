package io.tandem.server.remote;

import io.tandem.server.environment.S3Clients;
import io.tandem.server.remote.AdapterSource.InBucket;
import io.tandem.server.remote.Unavailable.Reason;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import software.amazon.awssdk.core.exception.SdkException;
import software.amazon.awssdk.services.s3.S3Client;
import software.amazon.awssdk.services.s3.model.HeadObjectResponse;
import software.amazon.awssdk.services.s3.model.S3Exception;

/** Reads from S3, or from any store that speaks its protocol, by the environment variables of AWS's tools. */
final class BucketReader implements AutoCloseable {
    private static final Duration CONNECT = Duration.ofSeconds(10);

    private final S3Client client;

    /** @throws IllegalArgumentException naming the variable that is wrong */
    BucketReader(Map<String, String> environment) {
        client = S3Clients.builder(environment, S3Clients.Place.ENVIRONMENT, CONNECT)
                .build();
    }

    /**
     * Fetches the files of an adapter.
     *
     * @param into an empty directory
     * @param maxBytes of all together
     * @throws Unavailable if they cannot be had
     */
    void fetch(InBucket from, List<String> files, Path into, long maxBytes) throws IOException {
        try {
            Map<String, HeadObjectResponse> heads = new LinkedHashMap<>();
            long left = maxBytes;
            for (String file : files) {
                HeadObjectResponse head = client.headObject(
                        request -> request.bucket(from.bucket()).key(key(from, file)));
                left -= bytes(head);
                if (left < 0) {
                    throw new Unavailable(Reason.TOO_LARGE, shown(from) + " has more than " + maxBytes + " bytes");
                }
                heads.put(file, head);
            }
            for (Map.Entry<String, HeadObjectResponse> file : heads.entrySet()) {
                fetch(from, file.getKey(), file.getValue(), into.resolve(file.getKey()));
            }
        } catch (S3Exception e) {
            throw refusal(e, from);
        } catch (SdkException e) {
            throw new Unavailable(Reason.UNREACHABLE, shown(from) + ": " + e.getMessage(), e);
        }
    }

    /** The object that was looked at, and not more of it than it had. */
    private void fetch(InBucket from, String file, HeadObjectResponse head, Path target) throws IOException {
        if (bytes(head) == 0) {
            throw new Unavailable(Reason.DAMAGED, shown(from) + ": " + file + " is empty");
        }
        client.getObject(
                request -> request.bucket(from.bucket())
                        .key(key(from, file))
                        .ifMatch(head.eTag())
                        .range("bytes=0-" + (bytes(head) - 1)),
                target);
    }

    private static long bytes(HeadObjectResponse head) {
        return Objects.requireNonNullElse(head.contentLength(), 0L);
    }

    private static String key(InBucket from, String file) {
        return from.prefix() + "/" + file;
    }

    private static String shown(InBucket from) {
        return "s3://" + from.bucket() + "/" + from.prefix();
    }

    private static Unavailable refusal(S3Exception e, InBucket from) {
        return switch (e.statusCode()) {
            case 404 ->
                new Unavailable(
                        Reason.ABSENT,
                        shown(from) + " does not have both " + AdapterFiles.CONFIG + " and " + AdapterFiles.WEIGHTS
                                + ", so it is no adapter in PEFT's layout",
                        e);
            case 401, 403 ->
                new Unavailable(
                        Reason.DENIED,
                        "the store denies access to " + shown(from)
                                + ": check AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_ENDPOINT_URL",
                        e);
            default -> new Unavailable(Reason.UNREACHABLE, shown(from) + ": the store answered " + e.statusCode(), e);
        };
    }

    @Override
    public void close() {
        client.close();
    }
}
